// Needs: nothing. One toolbox as it is served: its process started again and again, and its queue asked only while there is one.
import { serveToolbox, type ServedToolbox, type ServeToolboxOptions } from '../../workers/toolbox/serve-toolbox';
import type { ToolProcess } from '../../workers/toolbox/tool-process';
import type { ToolboxSpec } from '../../workers/toolbox/toolbox-specs';
import { until } from '../e2e/cli';

interface FakeProcess extends ToolProcess {
  die(how: string): void;
  loads: (readonly string[])[];
}

const spec = { name: 'payments', secrets: ['A'], limits: {}, rates: {}, files: ['/a.ts'], servers: {} };
let processes: FakeProcess[];
let polling: number;
let limits: ToolboxSpec['limits'][];
let ends: { how: string; times: number; delayMs: number }[];
let served: ServedToolbox | undefined;

function fakeProcess(fails: boolean): FakeProcess {
  let die: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => (die = resolve));
  const loads: (readonly string[])[] = [];
  if (fails) die('exit code 1');
  return {
    ...{ pid: 1, ended, die, loads },
    load: ({ files }) => {
      loads.push(files);
      return Promise.resolve(fails ? undefined : []);
    },
    call: () => Promise.reject(new Error('not called')),
    stop: async () => {
      die('stopped');
      await ended;
    },
  };
}

function serve(options: Partial<ServeToolboxOptions> & { fails?: boolean } = {}): ServedToolbox {
  served = serveToolbox({
    spec,
    start: () => {
      const made = fakeProcess(options.fails ?? false);
      processes.push(made);
      return made;
    },
    worker: (_, { limits: now }) => {
      limits.push(now);
      polling += 1;
      let stop: () => void = () => undefined;
      const stopped = new Promise<void>((resolve) => (stop = resolve));
      let state = 'RUNNING';
      return Promise.resolve({
        run: () => stopped.finally(() => (polling -= 1)),
        shutdown: () => {
          state = 'STOPPED';
          stop();
        },
        getState: () => state,
      });
    },
    onProblems: () => undefined,
    onEnd: (end) => ends.push(end),
    ...options,
  });
  return served;
}

beforeEach(() => {
  [processes, ends, polling, limits] = [[], [], 0, []];
});
afterEach(async () => served?.stop());

test('the queue is asked while there is a process, which is started again when it ends', async () => {
  serve();
  await until('polling', () => polling === 1);
  processes[0]?.die('SIGKILL');
  await until('polling by another', () => processes.length === 2 && polling === 1);
  expect(ends).toEqual([{ how: 'SIGKILL', times: 1, delayMs: 250 }]);
  await served?.stop();
  expect([polling, processes.length]).toEqual([0, 2]);
});

test('one that ends before it has loaded its agents is started more and more seldom, and nothing asks for calls', async () => {
  serve({ fails: true });
  await until('three ends', () => ends.length === 3);
  expect(ends.map(({ times, delayMs }) => [times, delayMs])).toEqual([
    [1, 250],
    [2, 500],
    [3, 1_000],
  ]);
  expect(polling).toBe(0);
});

test('what was saved is loaded by the same process, other secrets and limits by another', async () => {
  const toolbox = serve();
  await until('polling', () => polling === 1);
  await toolbox.update({ ...spec, files: ['/b.ts'] });
  expect(processes.map(({ loads }) => loads)).toEqual([[['/a.ts'], ['/b.ts']]]);
  await toolbox.update({ ...spec, secrets: ['A', 'B'] });
  await until('polling by another', () => processes.length === 2 && polling === 1);
  await toolbox.update({ ...spec, secrets: ['A', 'B'], limits: { atOnce: 2 } });
  await until('polling by a third', () => processes.length === 3 && polling === 1);
  await toolbox.update({
    ...spec,
    secrets: ['A', 'B'],
    limits: { atOnce: 2 },
    rates: { pay: { calls: 1, perMs: 1_000 } },
  });
  await until('polling by a fourth', () => processes.length === 4 && polling === 1);
  expect(ends).toEqual([]);
  expect(limits).toEqual([{}, {}, { atOnce: 2 }, { atOnce: 2 }]);
});

test('a worker that Temporal refuses is told of, and its process is not left behind', async () => {
  const toolbox = serve({ worker: () => Promise.reject(new Error('refused')) });
  await expect(toolbox.finished).rejects.toThrow('refused');
  expect(await processes[0]?.ended).toBe('stopped');
});
