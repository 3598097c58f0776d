// Needs local ports, and as many open files as connections (ulimit -n). An API in a process of its own, and thousands who connect and say nothing:
// 2,000 here, or as many as LONGHAUL_SILENT_CONNECTIONS says.
import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { startProgram, type Program } from '../embedded/given';

const COUNT = Number(process.env['LONGHAUL_SILENT_CONNECTIONS'] ?? 2_000);
const AT_ONCE = 100;
/** For Jest, the files of the program, and whoever speaks. */
const OTHER_FILES = 500;
/** Of a hundred bytes or of a request's buffers: what each of them may cost is between. */
const BYTES_EACH = 50_000;

let program: Program;
let url: URL;
beforeAll(async () => {
  const files = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  if (Number(files) < COUNT + OTHER_FILES)
    throw new Error(`${COUNT} connections need ulimit -n ${COUNT + OTHER_FILES}; it is ${files}.`);
  program = startProgram('../api/program-with-api.ts', []);
  url = new URL(await program.nextLine());
}, 240_000);
afterAll(() => program.child.stdin?.end());

const memory = async (): Promise<number> => {
  program.say('memory');
  return Number(await program.nextLine());
};

/** @returns milliseconds until the answer was there */
async function asked(): Promise<number> {
  const from = performance.now();
  const response = await fetch(new URL('/v1/runs', url));
  expect({ status: response.status, body: await response.json() }).toEqual({ status: 200, body: { runs: [] } });
  return performance.now() - from;
}

interface Silent {
  socket: Socket;
  closed: Promise<void>;
}
const silent = (): Promise<Silent> =>
  new Promise((resolve) => {
    const socket = connect(Number(url.port), url.hostname);
    const closed = new Promise<void>((close) => socket.once('close', () => close()));
    // Reset, where others came after it: that is a close too.
    socket.on('error', () => undefined).once('connect', () => resolve({ socket: socket.resume(), closed }));
    void closed.then(() => resolve({ socket, closed }));
  });

test('while thousands say nothing whoever speaks is answered, and they are let go of when their time is over', async () => {
  for (let nth = 0; nth < 20; nth += 1) await asked();
  const before = await memory();
  const all: Silent[] = [];
  const times: number[] = [];
  try {
    while (all.length < COUNT) {
      const [more, time] = await Promise.all([Promise.all(Array.from({ length: AT_ONCE }, silent)), asked()]);
      all.push(...more);
      times.push(time);
    }
    const held = all.filter(({ socket }) => !socket.destroyed).length;
    const grown = (await memory()) - before;
    await Promise.all(all.map(({ closed }) => closed));
    times.push(await asked());
    const worst = Math.max(...times);
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    process.stdout.write(
      `${COUNT} silent connections: ${held} held, ${(grown / 1e6).toFixed(1)} MB more; ` +
        `${times.length} requests meanwhile, median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms\n`,
    );
    // Whoever spoke was answered before the time of those was over who did not.
    expect(held).toBeGreaterThan(0);
    expect(grown).toBeLessThan(COUNT * BYTES_EACH);
  } finally {
    for (const { socket } of all) socket.destroy();
  }
}, 240_000);
