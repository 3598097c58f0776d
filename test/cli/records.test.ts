// Needs a scratch folder: the real embedded store, filled with what activities write. No server.
import { listCommand } from '../../client/cli/commands/list';
import { showCommand } from '../../client/cli/commands/show';
import { tailCommand } from '../../client/cli/commands/tail';
import { cancelCommand, pauseCommand } from '../../client/cli/commands/intervene';
import { traceCommand } from '../../client/cli/commands/trace';
import { callRecordName, runRecordName } from '../../activities/store/ref-names';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { testProject, told, withStore, type TestProject } from './given';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { STARTED_AT, storeRun } from './store-run';

const HOSTILE = 'evil\u001b[2J\u001b]0;owned\u0007\u202etext';
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

let project: TestProject;
beforeAll(async () => {
  project = testProject();
  await withStore(project.dir, async (store) => {
    await storeRun(store, { id: 'run_aa1' });
    await storeRun(store, { id: 'run_ab2', startedAt: 60_000, agent: 'writer' });
    await storeRun(store, { id: 'run_open', startedAt: 120_000, ended: false });
    await storeRun(store, {
      id: 'run_evil',
      startedAt: 30_000,
      question: HOSTILE,
      toolAnswer: HOSTILE,
      answer: HOSTILE,
    });
    await store.commit({ refs: [{ op: 'put', name: runRecordName('run_broken'), value: { schemaVersion: 99 } }] });
  });
});
afterAll(() => project.remove());

describe('list', () => {
  test('newest first, open runs told as far as the store knows', async () => {
    const { code, stdout, stderr } = await told(project.dir, (context) => listCommand(context, { limit: 20 }));
    expect(code).toBe(0);
    const rows = stdout.trim().split('\n').slice(1);
    expect(rows.map((row) => row.split(/\s+/).slice(0, 3))).toEqual([
      ['run_open', 'reader', 'unknown'],
      ['run_ab2', 'writer', 'completed'],
      ['run_evil', 'reader', 'completed'],
      ['run_aa1', 'reader', 'completed'],
    ]);
    expect(stderr).toContain('longhaul dev');
    expect(stdout + stderr).not.toMatch(CONTROLS);
  });

  test('filters, limits and has a stable shape', async () => {
    const json = async (options: Parameters<typeof listCommand>[1]) => {
      const { stdout } = await told(project.dir, (context) => listCommand(context, options), { json: true });
      const parsed: { runs: { id: string }[]; more: boolean } = JSON.parse(stdout);
      return parsed;
    };
    const ids = async (options: Parameters<typeof listCommand>[1]) => (await json(options)).runs.map(({ id }) => id);
    expect(await ids({ limit: 20, agent: 'writer' })).toEqual(['run_ab2']);
    expect(await ids({ limit: 20, open: true })).toEqual(['run_open']);
    expect(await ids({ limit: 20, outcome: 'failed' })).toEqual([]);
    expect(await ids({ limit: 2 })).toEqual(['run_open', 'run_ab2']);
    expect((await json({ limit: 2 })).more).toBe(true);
    const { runs, more } = await json({ limit: 1, agent: 'writer' });
    expect(more).toBe(false);
    expect(runs[0]).toEqual({
      id: 'run_ab2',
      agent: 'writer',
      status: 'completed',
      outcome: 'completed',
      reason: null,
      startedAt: STARTED_AT + 60_000,
      endedAt: STARTED_AT + 64_000,
      turns: 2,
      usage: { input: 2_400, cachedInput: 2_000, output: 100, reasoning: 20 },
      question: 'Where?',
      tenant: 'acme',
      user: 'u7',
      session: null,
      tags: ['blue'],
      parent: null,
      requests: [],
      problems: [],
    });
  });

  test('what an open run has used so far is counted from its calls', async () => {
    const { stdout } = await told(project.dir, (context) => listCommand(context, { limit: 20, open: true }), {
      json: true,
    });
    expect(JSON.parse(stdout)).toMatchObject({ runs: [{ turns: 2, usage: { input: 2_400, output: 100 } }] });
  });

  test('in a folder without runs it says so, and makes nothing', async () => {
    const empty = testProject();
    try {
      const { code, stderr } = await told(empty.dir, (context) => listCommand(context, { limit: 20 }));
      expect([code, stderr]).toEqual([0, expect.stringContaining('no runs')]);
      expect(existsSync(path.join(empty.dir, '.longhaul'))).toBe(false);
    } finally {
      empty.remove();
    }
  });
});

describe('trace', () => {
  test('turns, calls, times, tokens and previews', async () => {
    const { stdout } = await told(project.dir, (context) => traceCommand(context, 'run_aa1'));
    expect(stdout.split('\n')).toEqual([
      'run_aa1  reader  completed in 4.0 s   2 turns, 1 tool call, 2.4k in (2.0k cached), 100 out (20 reasoning), cost unknown',
      'Where?',
      '├─ turn 1',
      '│  ├─ 1. model test/model-1  +100 ms  1.5 s  1.2k in (1.0k cached), 50 out (10 reasoning)  calls look',
      '│  └─ 2. tool look {"pattern":"a"}  +1.7 s  20 ms  attempt 2  in a.txt',
      '└─ turn 2',
      '   └─ 3. model test/model-1  +1.8 s  1.5 s  1.2k in (1.0k cached), 50 out (10 reasoning)  It stands in a.txt:1',
      '',
    ]);
  });

  test('of an open run too, without a server: its first execution is found in the store', async () => {
    const { stdout } = await told(project.dir, (context) => traceCommand(context, 'run_open'), { json: true });
    expect(JSON.parse(stdout)).toMatchObject({
      id: 'run_open',
      outcome: null,
      status: 'unknown',
      firstRunId: 'first-of-run_open',
      turns: [
        { turn: 1, calls: [{ kind: 'model' }, { kind: 'tool', attempt: 2 }] },
        { turn: 2, calls: [{ number: 3 }] },
      ],
      pending: [],
      unreadable: 0,
    });
  });

  test('a tool that stood in for others says for which, and how they had failed', async () => {
    const other = testProject();
    try {
      await withStore(other.dir, async (store) => {
        await storeRun(store, { id: 'run_instead' });
        const name = callRecordName({ run: 'first-of-run_instead', fork: 0, turn: 1, index: 1 });
        const failedBefore = [{ name: 'near', type: 'Tool.Failed' }];
        const value = { ...((await store.readRef(name))?.value as object), failedBefore };
        await store.commit({ refs: [{ op: 'put', name, value }] });
      });
      const { stdout } = await told(other.dir, (context) => traceCommand(context, 'run_instead'));
      expect(stdout).toContain('attempt 2  instead of near (Tool.Failed)  in a.txt');
    } finally {
      other.remove();
    }
  });

  test('an answer that was given again says whose it was, and that the question was only near', async () => {
    const other = testProject();
    try {
      await withStore(other.dir, async (store) => {
        await storeRun(store, { id: 'run_given' });
        for (const [turn, near] of [[1], [2, true]] as const) {
          const name = callRecordName({ run: 'first-of-run_given', fork: 0, turn, index: 0 });
          const origin = { name: 'cache/acme/q', run: 'run_asked', at: STARTED_AT, ...(near ? { near } : {}) };
          const value = { ...((await store.readRef(name))?.value as object), origin };
          await store.commit({ refs: [{ op: 'put', name, value }] });
        }
      });
      const ask = async (command: Parameters<typeof told>[1]) => (await told(other.dir, command)).stdout;
      const traced = await ask((context) => traceCommand(context, 'run_given'));
      expect(traced).toContain('  cached, asked by run_asked');
      expect(traced).toContain('  cached, nearly the same was asked by run_asked');
      const { stdout } = await told(other.dir, (context) => traceCommand(context, 'run_given'), { json: true });
      const parsed: { turns: { calls: { cached: unknown }[] }[] } = JSON.parse(stdout);
      expect(parsed.turns.map(({ calls }) => calls[0]?.cached)).toEqual(
        [false, true].map((near) => ({ run: 'run_asked', at: STARTED_AT, saved: null, near })),
      );
      expect(await ask((context) => showCommand(context, 'run_given', { call: 1 }))).toMatch(
        /^cached +asked by run_asked, 2026-01-02T/m,
      );
      expect(await ask((context) => showCommand(context, 'run_given', { call: 3 }))).toMatch(
        /^cached +nearly the same was asked by run_asked, 2026/m,
      );
    } finally {
      other.remove();
    }
  });

  test('what a stopped call took, of which there is no record, and what the cache saved', async () => {
    const other = testProject();
    try {
      await withStore(other.dir, async (store) => {
        await storeRun(store, { id: 'run_cut' });
        const name = runRecordName('run_cut');
        const record = runRecordSchema.parse((await store.readRef(name))?.value);
        const { totals } = record.ended ?? {};
        if (!record.ended || !totals) throw new Error('it has ended');
        const usage = { ...totals.usage, input: totals.usage.input + 11, output: totals.usage.output + 78 };
        const cut = { ...totals, modelCalls: 3, usage, cost: { nanoUsd: 49_000_000 }, estimated: true as const };
        const saved = { input: 900, cachedInput: 0, output: 100, reasoning: 0 };
        const cached = { cachedCalls: 1, saved, savedCost: { nanoUsd: 2_000_000 } };
        const value = { ...record, ended: { ...record.ended, totals: { ...cut, ...cached } } };
        await store.commit({ refs: [{ op: 'put', name, value }] });
      });
      const traced = await told(other.dir, (context) => traceCommand(context, 'run_cut'));
      const lines = traced.stdout.trimEnd().split('\n');
      expect(lines[0]).toContain('$0.0490, in part estimated, 1.0k tokens, $0.0020 saved by the cache');
      expect(lines.slice(-3)).toEqual([
        '├─ turn 2',
        expect.stringContaining('│  └─ 3. model'),
        '└─ no answer: 1 model call, stopped or failed  11 in, 78 out  $0.0490, estimated',
      ]);
      const { stdout } = await told(other.dir, (context) => traceCommand(context, 'run_cut'), { json: true });
      expect(JSON.parse(stdout)).toMatchObject({
        totals: { estimated: true, cachedCalls: 1, savedCost: { nanoUsd: 2_000_000 } },
        unrecorded: { modelCalls: 1, usage: { input: 11, output: 78 }, cost: { nanoUsd: 49_000_000 } },
      });
      const shown = await told(other.dir, (context) => showCommand(context, 'run_cut', {}));
      expect(shown.stdout).toMatch(/^saved +1\.0k tokens, \$0\.0020, by the cache$/m);
      const tailed = await told(other.dir, (context) => tailCommand(context, 'run_cut'));
      expect(tailed.stderr).toContain('1 model call answered from the cache (saved 1.0k tokens, $0.0020)');
    } finally {
      other.remove();
    }
  });

  test('a record of a newer version is counted, not guessed at', async () => {
    const other = testProject();
    try {
      await withStore(other.dir, async (store) => {
        await storeRun(store, { id: 'run_new' });
        const name = callRecordName({ run: 'first-of-run_new', fork: 0, turn: 2, index: 1 });
        await store.commit({ refs: [{ op: 'put', name, value: { kind: 'oracle' } }] });
      });
      const { stderr } = await told(other.dir, (context) => traceCommand(context, 'run_new'));
      expect(stderr).toContain('1 record of its calls cannot be read by this version.');
    } finally {
      other.remove();
    }
  });
});

describe('show', () => {
  test('who, what, limits, totals, and the answer in full', async () => {
    const { code, stdout } = await told(project.dir, (context) => showCommand(context, 'run_aa1', {}));
    expect(code).toBe(0);
    for (const text of ['run_aa1', 'tenant acme, user u7', 'blue', 'test/model-1', '7 turns', '2 model calls'])
      expect(stdout).toContain(text);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('It stands in a.txt:1');
  });

  test('the whole conversation', async () => {
    const { stdout } = await told(project.dir, (context) => showCommand(context, 'run_aa1', { transcript: true }));
    expect(stdout.split('\n').filter(Boolean)).toEqual([
      '── 1 user',
      'Where?',
      '── 2 assistant',
      '→ look({"pattern":"a"})',
      '── 3 tool look (call 1 of its turn, ok)',
      'in a.txt',
      '── 4 assistant',
      'It stands in a.txt:1',
    ]);
  });

  test('one call: what it was given and what it answered', async () => {
    const call = async (number: number) =>
      JSON.parse(
        (await told(project.dir, (context) => showCommand(context, 'run_aa1', { call: number }), { json: true }))
          .stdout,
      ) as unknown;
    expect(await call(2)).toMatchObject({
      turn: 1,
      index: 1,
      given: { pattern: 'a' },
      answered: { role: 'tool', parts: [{ text: 'in a.txt' }] },
    });
    expect(await call(3)).toMatchObject({
      record: { kind: 'model', requestId: 'req_1' },
      given: [{ role: 'user' }, { role: 'assistant' }, { role: 'tool' }],
      answered: [{ role: 'assistant', parts: [{ text: 'It stands in a.txt:1' }] }],
    });
  });

  test('a call that there is not is named with those there are', async () => {
    await expect(told(project.dir, (context) => showCommand(context, 'run_aa1', { call: 9 }))).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('calls 1 to 3'),
    });
  });
});

describe('the run that is meant', () => {
  test('may be given by the beginning of its id', async () => {
    const { stdout } = await told(project.dir, (context) => showCommand(context, 'run_aa', {}), { json: true });
    expect(JSON.parse(stdout)).toMatchObject({ id: 'run_aa1' });
  });

  test.each([
    ['nothing begins so', 'run_zz', 'there is no run "run_zz"'],
    ['several begin so', 'run_a', 'run_aa1, run_ab2'],
    ['nothing was given', '', 'there is no run'],
    ['more was given than an id has', 'x'.repeat(5_000), 'there is no run'],
    ['more bytes than a name has', '漢'.repeat(190), 'there is no run'],
    ['half a character', '\ud83d', 'there is no run'],
  ])('%s', async (_, given, message) => {
    for (const command of [
      showCommand.bind(undefined),
      (context: Parameters<typeof showCommand>[0], run: string) => traceCommand(context, run),
      (context: Parameters<typeof showCommand>[0], run: string) => tailCommand(context, run),
      (context: Parameters<typeof showCommand>[0], run: string) => pauseCommand(context, run, {}),
    ]) {
      await expect(told(project.dir, (context) => command(context, given, {}))).rejects.toMatchObject({
        code: 'run-not-found',
        message: expect.stringContaining(message),
      });
    }
  });
});

test('tail of an ended run shows its end, without a server, with its exit code', async () => {
  const { code, stdout, stderr } = await told(project.dir, (context) => tailCommand(context, 'run_aa1'));
  expect([code, stdout]).toEqual([0, 'It stands in a.txt:1\n']);
  expect(stderr).toContain('completed  2 turns, 1 tool call, 2.4k tokens in, 100 out, cost unknown');
});

test('an ended run is not acted on', async () => {
  await expect(told(project.dir, (context) => cancelCommand(context, 'run_aa1', {}))).rejects.toMatchObject({
    code: 'refused',
    message: 'run run_aa1 has ended already: completed.',
  });
});

test('an open run without a server: it is said what to start', async () => {
  await expect(told(project.dir, (context) => pauseCommand(context, 'run_open', {}))).rejects.toMatchObject({
    code: 'temporal-unreachable',
    message: expect.stringContaining('longhaul dev'),
  });
});

test('hostile content drives no terminal, in any command', async () => {
  const texts = [
    await told(project.dir, (context) => traceCommand(context, 'run_evil')),
    await told(project.dir, (context) => showCommand(context, 'run_evil', {})),
    await told(project.dir, (context) => showCommand(context, 'run_evil', { transcript: true })),
    await told(project.dir, (context) => showCommand(context, 'run_evil', { call: 2 })),
    await told(project.dir, (context) => tailCommand(context, 'run_evil')),
  ];
  for (const { stdout, stderr } of texts) {
    expect(stdout).toContain('evil');
    expect(stdout + stderr).not.toMatch(CONTROLS);
  }
  const { stdout } = await told(project.dir, (context) => showCommand(context, 'run_evil', {}), { json: true });
  expect(stdout).not.toMatch(CONTROLS);
  expect(JSON.parse(stdout)).toMatchObject({ answer: HOSTILE });
});
