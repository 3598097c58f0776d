// Needs: the built command line (npm run build), a Temporal CLI, free ports; promtool where there is one. `longhaul dev` from its first
// line to its end, whichever end that is.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cli, isRunning, runId, scratchFolder, startCli, temporalPid, until, type RunningProcess } from './cli';

const project = scratchFolder();
const AGENT = path.join(project, 'agents', 'hello', 'agent.ts');
const INSTRUCTIONS = path.join(project, 'agents', 'hello', 'instructions.md');
const READY = /^ready /m;

/** The demo model answers at once; a second a call leaves time to kill. */
const SLOW = { LONGHAUL_DEMO_DELAY_MS: '1000' };

const up = async (env: Record<string, string> = {}): Promise<RunningProcess> => {
  const dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project, env });
  await dev.saying(READY);
  return dev;
};
const server = (): number => {
  const pid = temporalPid(project);
  if (pid === undefined) throw new Error('there is no embedded server');
  return pid;
};

beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
});

describe('while it is up', () => {
  let dev: RunningProcess;
  beforeAll(async () => {
    dev = await up();
  });

  test('it says where everything is', () => {
    expect(dev.stdout()).toMatch(/^temporal {2}127\.0\.0\.1:\d+, namespace default$/m);
    expect(dev.stdout()).toMatch(/^web UI {4}http:\/\/localhost:\d+$/m);
    expect(dev.stdout()).toMatch(/^ {10}hello {2}release [0-9a-f]{12} {2}model demo /m);
  });

  test('a second one says so, and touches nothing', async () => {
    const before = server();
    const second = await cli(['dev'], { cwd: project });
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toBe(
      `error  longhaul is up in this folder already (pid ${dev.pid}, web UI ${/http\S+/.exec(dev.stdout())?.[0]}). Use it, or stop it first.\n`,
    );
    expect([server(), isRunning(before), isRunning(dev.pid)]).toEqual([before, true, true]);
  });

  test('a run uses its server and its worker, and leaves both up', async () => {
    const before = server();
    const run = await cli(['run', 'hello'], { cwd: project });
    expect(run).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
    const trace = await cli(['show', runId(run.stderr), '--call', '1', '--json'], { cwd: project });
    expect(JSON.parse(trace.stdout)).toMatchObject({
      record: { worker: expect.stringMatching(new RegExp(`^${dev.pid}@`)) as string },
    });
    expect([server(), isRunning(before)]).toEqual([before, true]);
  });

  test('what is saved is served to the next run, without a restart: an instruction, a tool', async () => {
    const release = async (): Promise<string> => {
      const run = await cli(['run', 'hello', '--json'], { cwd: project });
      const { runId: id } = JSON.parse(run.stdout) as { runId: string };
      const shown = JSON.parse((await cli(['show', id, '--json'], { cwd: project })).stdout) as {
        release: string;
        answer: string;
      };
      return `${shown.release.slice(0, 12)} ${shown.answer}`;
    };
    const first = await release();

    const saved = dev.saying(/^saved {4}hello: new runs take release ([0-9a-f]{12})$/m);
    writeFileSync(INSTRUCTIONS, `${readFileSync(INSTRUCTIONS, 'utf8')}\nBe brief.\n`);
    const [, second] = await saved;
    expect(await release()).toBe(`${second} Hello, world!`);

    const savedAgain = dev.saying(
      new RegExp(`^saved {4}hello: new runs take release (?!${second})([0-9a-f]{12})$`, 'm'),
    );
    writeFileSync(AGENT, readFileSync(AGENT, 'utf8').replace('Hello, ${name}!', 'Good morning, ${name}!'));
    const [, third] = await savedAgain;
    expect(await release()).toBe(`${third} Good morning, world!`);
    expect(new Set([first.slice(0, 12), second, third]).size).toBe(3);
  });

  test('a mistake is told with its line, what was there is served on, and the correction is served', async () => {
    const good = readFileSync(AGENT, 'utf8');
    const told = dev.saying(/^problem {2}agents\/hello\/agent\.ts:\d+: .+$/m);
    writeFileSync(AGENT, good.replace('export const greet =', 'export const greet = ='));
    await told;
    const corrected = dev.saying(/^saved {4}hello: new runs take release [0-9a-f]{12}\n(?![^]*problem)/m);
    writeFileSync(AGENT, good.replace('Good morning, ', 'Good evening, '));
    await corrected;
    expect(await cli(['run', 'hello'], { cwd: project })).toMatchObject({ code: 0, stdout: 'Good evening, world!\n' });
  });

  test('a configuration that is another than the one it has read is said to need a new start', async () => {
    const file = path.join(project, 'longhaul.config.ts');
    const good = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    const told = (): number => dev.stderr().split('\nchanged  longhaul.config: it is read at the start;').length - 1;
    writeFileSync(file, 'export default { unsignedDecisions: false };');
    await until('a line about it', () => told() === 1);
    writeFileSync(file, 'export default { unsignedDecisions: true };');
    await until('another', () => told() === 2);
    if (good === undefined) rmSync(file);
    else writeFileSync(file, good);
  });

  test('/metrics answers with what promtool accepts', async () => {
    const url = /^metrics {3}(http\S+)$/m.exec(dev.stdout())?.[1] ?? '';
    const response = await fetch(url);
    const text = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toMatch(
      /^agent_runs_ended_total\{agent="hello",release="[0-9a-f]{12}",outcome="completed",failure="none"\} [1-9]/m,
    );
    // Those of Temporal's SDK beside them.
    expect(text).toMatch(/^temporal_request_total\{/m);
    const named = [...text.matchAll(/^# TYPE (\S+) \S+$/gm)].map(([, name]) => name);
    expect(new Set(named).size).toBe(named.length);

    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (promtool.error) console.log('promtool is not installed: the metrics were not checked with it');
    else expect({ status: promtool.status, said: promtool.stdout + promtool.stderr }).toEqual({ status: 0, said: '' });
  });

  test('SIGTERM ends everything', async () => {
    const temporal = server();
    dev.kill('SIGTERM');
    expect(await dev.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('stopping') as string });
    expect(isRunning(temporal)).toBe(false);
    expect(temporalPid(project)).toBeUndefined();
  });
});

test("a worker beside it ends with it: at its address another folder may be next, whose runs are not this one's", async () => {
  const dev = await up();
  const worker = await startCli(['worker'], { cwd: project });
  await worker.saying(/^worker {4}/m);
  dev.kill('SIGTERM');
  await dev.ended;
  expect(await worker.ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      `error  the longhaul of this folder (pid ${dev.pid}), whose Temporal this one used, has ended.\n`,
    ) as string,
  });
});

test('kill -9 takes Temporal along; the next start without a question lists what is unfinished, and finishes it', async () => {
  const dev = await up(SLOW);
  const temporal = server();
  const ids = await Promise.all(
    ['one', 'two'].map(async (name) =>
      (await cli(['submit', 'hello', '--input', `{"name":"${name}"}`], { cwd: project })).stdout.trim(),
    ),
  );
  dev.kill('SIGKILL');
  await dev.ended;
  await until('end of the server whose owner was killed', () => !isRunning(temporal));

  const next = await cli(['run', 'hello'], { cwd: project });
  expect(next.code).toBe(0);
  for (const id of ids)
    expect(next.stderr).toMatch(
      new RegExp(`^unfinished {2}${id} {2}hello {2}".*": picked up, \\d+ calls? kept, \\d+ calls? repeated$`, 'm'),
    );
  expect(next.stdout.split('\n').sort()).toEqual(['', 'Good evening, one!', 'Good evening, two!']);
  const left = JSON.parse((await cli(['list', '--open', '--json'], { cwd: project })).stdout) as { runs: unknown[] };
  expect(left.runs).toEqual([]);
  expect(temporalPid(project)).toBeUndefined();
});

test('of two starts at once in one folder, the second uses the server of the first, and outlives it', async () => {
  const [first, second] = await Promise.all(
    ['one', 'two'].map((name) =>
      startCli(['run', 'hello', '--input', `{"name":"${name}"}`], { cwd: project, env: name === 'one' ? {} : SLOW }),
    ),
  );
  const ended = await Promise.all([first?.ended, second?.ended]);
  // What a failing one said is part of what is compared, so that it is seen.
  expect(ended.map((each) => [each?.stdout, each?.code === 0 ? 0 : each])).toEqual([
    ['Good evening, one!\n', 0],
    ['Good evening, two!\n', 0],
  ]);
  expect(temporalPid(project)).toBeUndefined();
});
