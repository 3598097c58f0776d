// Who watches an answer and does not read: what is held for it is bounded, and it is given the rest when it reads again.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { TEXT_CHARS_MAX } from '../../activities/stream/live-text';
import { openSocketPublisher } from '../../activities/stream/socket-publisher';
import { addressOf, listSockets } from '../../activities/stream/socket-folder';
import { createTextFollower } from '../../activities/stream/text-follower';
import { streamRun } from '../../client/api/stream-run';
import type { RunEvent } from '../../client/run-events';
import { until } from '../e2e/cli';

const MB = 1_000_000;
const PIECE = 'y'.repeat(100_000);

/** Reads a stalled connection on. @returns what came, until `end` has */
async function readOn(socket: Socket, end: string): Promise<string> {
  const said: string[] = [];
  let newest = '';
  let hasEnded = false;
  socket.setEncoding('utf8').on('data', (text) => {
    said.push(String(text));
    // The end may come in two pieces.
    newest = `${newest.slice(-end.length)}${String(text)}`;
    hasEnded ||= newest.includes(end);
  });
  socket.resume();
  await until('the end', () => hasEnded);
  return said.join('');
}

test('fifty connections to a worker that stand still cost a piece each, not what is said meanwhile', async () => {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-slow-'));
  const publisher = await openSocketPublisher({ stateDir });
  const [name = ''] = await listSockets(stateDir);
  const readers: Socket[] = [];
  try {
    const first = publisher.open({ run: 'run_1', turn: 1, attempt: 1, begunAt: 1 });
    first.text('begun');
    for (let nth = 0; nth < 50; nth += 1) {
      const reader = connect(addressOf(stateDir, name));
      readers.push(reader);
      reader.write(`${JSON.stringify({ run: 'run_1' })}\n`);
      // It has the beginning: so it is known there.
      await once(reader, 'data');
      reader.pause();
    }
    const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const before = used();
    // 30 MB for each reader: 1.5 GB, if they were kept.
    for (let answer = 2; answer <= 31; answer += 1) {
      const sink = publisher.open({ run: 'run_1', turn: answer, attempt: 1, begunAt: answer });
      for (let nth = 0; nth < 10; nth += 1) {
        sink.text(PIECE);
        await pause(1);
      }
    }
    expect(used() - before).toBeLessThan(200 * MB);
    publisher.open({ run: 'run_1', turn: 32, attempt: 1, begunAt: 32 }).text('the last');
    const [reader] = readers;
    const lines = (reader ? await readOn(reader, '"the last"') : '').trim().split('\n');
    // What its socket had taken, then at once what counts now.
    expect(lines.length).toBeLessThan(10);
    expect(lines.join('').length).toBeLessThan(2 * MB);
  } finally {
    for (const reader of readers) reader.destroy();
    await publisher.close();
    rmSync(stateDir, { recursive: true });
  }
}, 60_000);

test('a reader of the library that stands still holds one answer at most, whatever was said meanwhile', async () => {
  const follower = createTextFollower();
  for (let answer = 1; answer <= 40; answer += 1)
    for (let nth = 1; nth <= 12; nth += 1)
      follower.take({
        ...{ run: 'run_1', turn: answer, attempt: 1, begunAt: answer },
        ...{ sequence: nth * PIECE.length, text: PIECE },
      });
  const read = follower.events(new AbortController().signal);
  const { value } = await read.next();
  expect(value).toMatchObject({ turn: 40, sequence: TEXT_CHARS_MAX });
  expect(value?.text.length).toBe(TEXT_CHARS_MAX);
  await read.return();
});

test('for a reader over HTTP that stands still no more is asked for than its connection takes', async () => {
  const PIECES = 300;
  let asked = 0;
  async function* events(): AsyncGenerator<RunEvent> {
    for (; asked < PIECES; asked += 1) {
      const sequence = (asked + 1) * PIECE.length;
      yield { type: 'text', run: 'run_1', turn: 1, attempt: 1, begunAt: 1, sequence, text: PIECE };
      await pause(0);
    }
  }
  const run = {
    events,
    record: () => Promise.resolve({}),
    describe: () => Promise.resolve({ status: { name: 'RUNNING' } }),
    result: () => Promise.resolve({ outcome: 'completed' }),
  };
  const over = new AbortController();
  const server = createServer((_, response) => void streamRun(run, undefined, response, over.signal));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const reader = connect(port, '127.0.0.1');
  try {
    reader.write('GET /runs/run_1/events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const [begun] = (await once(reader, 'data')) as [Buffer];
    reader.pause();
    let last = -1;
    await until('standstill', async () => {
      last = asked;
      await pause(300);
      return asked === last;
    });
    // Of 30 MB the few that the kernel takes on both sides.
    expect(asked).toBeLessThan(200);
    const said = `${begun.toString()}${await readOn(reader, 'event: result')}`;
    expect(said.split('event: text').length - 1).toBe(PIECES);
  } finally {
    over.abort();
    reader.destroy();
    server.close();
  }
}, 60_000);
