// Needs a scratch folder: the real embedded store, with records of runs. No server. Scores of runs and calls: given, found, summed up, gone.
import { eraseStored } from '../../client/cli/erase-run';
import { forgetRuns } from '../../client/cli/forget-runs';
import { scoreCommand, scoresCommand, type ScoresOptions } from '../../client/cli/commands/score';
import { EXIT, errorLine, exitCodeOfError } from '../../client/cli/exit-codes';
import { showCommand } from '../../client/cli/commands/show';
import { traceCommand } from '../../client/cli/commands/trace';
import { findScores, summariseScores } from '../../client/scores/find-scores';
import { scoreRun, scoresOfRun } from '../../client/scores/score-run';
import { SCORE_PREFIX, scoreName } from '../../activities/store/ref-names';
import { allRefs } from '../../activities/store';
import { checkRefName } from '../../activities/store/ref-record';
import { testProject, told, withStore, type TestProject } from './given';
import { storeRun } from './store-run';

let project: TestProject;
beforeEach(async () => {
  project = testProject();
  await withStore(project.dir, async (store) => {
    await storeRun(store, { id: 'one' });
    await storeRun(store, { id: 'two', agent: 'writer', startedAt: 60_000 });
  });
});
afterEach(() => project.remove());

const score = (run: string, said: string[], options = {}) =>
  told(project.dir, (context) => scoreCommand(context, run, said, { by: 'alice', ...options }), { json: true });
const scores = async (options: Partial<ScoresOptions> = {}) => {
  const { stdout } = await told(project.dir, (context) => scoresCommand(context, { limit: 20, ...options }), {
    json: true,
  });
  return JSON.parse(stdout) as { scores: { run: string; name: string; value: unknown }[]; more: boolean };
};

test('a number, a yes and a category: given at once, shown with the run, its trace, and found', async () => {
  const given = await score('one', ['helpful=0.25', 'correct=true', 'tone=polite'], { note: 'short' });
  expect(given.code).toBe(0);
  await score('one', ['cites=4'], { call: 2, range: { least: 1, most: 5 }, source: 'judge', by: 'gpt' });
  const shown = await told(project.dir, (context) => showCommand(context, 'one', {}));
  expect(shown.stdout).toContain('helpful 0.25 by alice: short');
  expect(shown.stdout).toContain('cites 4 (1 to 5) of call 2 by gpt (judge)');
  const traced = await told(project.dir, (context) => traceCommand(context, 'one'));
  expect(traced.stdout).toContain('scored  tone polite by alice: short');
  expect((await scores()).scores.map(({ name, value }) => [name, value])).toEqual(
    expect.arrayContaining([
      ['helpful', 0.25],
      ['correct', true],
      ['tone', 'polite'],
      ['cites', 4],
    ]),
  );
});

test('the same name by the same judge takes the place of what was said before; another judge has its own', async () => {
  await score('one', ['helpful=0.2']);
  await score('one', ['helpful=0.9']);
  await score('one', ['helpful=0.4'], { by: 'bob' });
  await score('one', ['helpful=0.5'], { call: 1 });
  expect((await scores()).scores.map(({ value }) => value).sort()).toEqual([0.4, 0.5, 0.9]);
});

test('by a key it is given once, however often; with another value the key is refused', async () => {
  await score('one', ['helpful=0.2'], { key: 'k1' });
  expect((await score('one', ['helpful=0.2'], { key: 'k1' })).code).toBe(0);
  await expect(score('one', ['helpful=0.3'], { key: 'k1' })).rejects.toThrow('stands for another score');
  expect((await scores()).scores).toHaveLength(1);
});

test.each([
  ['nobody', ['helpful=1'], {}, 'there is no run "nobody"'],
  ['one', ['helpful'], {}, 'NAME=VALUE'],
  ['one', ['Helpful=1'], {}, 'name: '],
  ['one', ['helpful=7'], {}, 'from 0 to 1'],
  ['one', ['helpful=7'], { range: { least: 9, most: 2 } }, 'range: '],
  ['one', ['helpful='], {}, 'value: '],
  ['one', [`tone=${'x'.repeat(200)}`], {}, 'value: '],
  ['one', ['tone=rude'], { categories: ['polite', 'curt'] }, 'none of polite, curt'],
  ['one', ['helpful=1'], { call: 9 }, 'calls 1 to 3'],
  ['one', ['helpful=1'], { by: 'a\u001b[2Jb' }, 'by: '],
  ['one', ['helpful=1'], { by: ' ' }, 'by: '],
  ['one', ['helpful=1'], { note: 'x'.repeat(3_000) }, 'note: '],
  ['one', ['a=1', 'b=1'], { key: 'k' }, '--key names one score'],
  ['one', ['a=1', 'b=7'], {}, 'from 0 to 1'],
])('what does not fit is one line, and nothing is kept: %j %j', async (run, said, options, words) => {
  const error = await score(run, said, options).catch((thrown: unknown) => thrown);
  expect(exitCodeOfError(error)).toBe(EXIT.usage);
  expect(errorLine(error)).toContain(words);
  expect(errorLine(error).split('\n')).toHaveLength(1);
  expect((await scores()).scores).toEqual([]);
});

test('hostile words stand in a line, without what a terminal would obey', async () => {
  await score('one', ['tone=\u202epolite'], { note: '\u001b]0;x\u0007\nrow' });
  const shown = await told(project.dir, (context) => scoresCommand(context, { limit: 5 }));

  expect(shown.stdout).not.toMatch(/[\u001b\u0007\u202e]/);
  expect(shown.stdout.trim().split('\n')).toHaveLength(2);
});

test('found by agent, name, judge, value and time; no counts as 0', async () => {
  await score('one', ['helpful=0.2', 'correct=false']);
  await score('two', ['helpful=0.8', 'tone=polite'], { by: 'bob' });
  expect((await scores({ agent: 'writer' })).scores).toHaveLength(2);
  expect((await scores({ name: 'helpful', below: 0.5 })).scores).toMatchObject([{ run: 'one' }]);
  expect((await scores({ below: 0.5 })).scores.map(({ name }) => name).sort()).toEqual(['correct', 'helpful']);
  expect((await scores({ above: 0.5 })).scores).toMatchObject([{ run: 'two', name: 'helpful' }]);
  expect((await scores({ judge: 'bob' })).scores).toHaveLength(2);
  expect((await scores({ tenant: 'nobody' })).scores).toEqual([]);
  expect((await scores({ limit: 3 })).more).toBe(true);
});

test('a list goes on where it ended, newest first, and nothing is told twice', async () => {
  await withStore(project.dir, async (store) => {
    for (let nth = 0; nth < 25; nth += 1)
      await scoreRun(
        store,
        'one',
        { name: `n${nth}`, value: nth / 25, by: 'rule', source: 'rule' },
        () => 1_000 + Math.floor(nth / 2),
      );
    const seen: string[] = [];
    let behind: { at: number; ref: string } | undefined;
    do {
      const { scores: page, next } = await findScores(store, {}, { limit: 4, ...(behind ? { behind } : {}) });
      seen.push(...page.map(({ name }) => name));
      behind = next;
    } while (behind);
    expect(new Set(seen).size).toBe(25);
    expect(seen).toHaveLength(25);
    expect(seen[0]).toBe('n24');
  });
});

test('summed up by release: means, percentiles, shares of yes, categories, each name and range by itself', async () => {
  await withStore(project.dir, async (store) => {
    for (const [by, value] of [
      ['a', 0.1],
      ['b', 0.5],
      ['c', 0.9],
    ] as const)
      await scoreRun(store, 'one', { name: 'helpful', value, by });
    await scoreRun(store, 'one', { name: 'correct', value: true, by: 'a' });
    await scoreRun(store, 'one', { name: 'correct', value: false, by: 'b' });
    await scoreRun(store, 'one', { name: 'tone', value: 'polite', by: 'a' });
    await scoreRun(store, 'two', { name: 'helpful', value: 4, range: { least: 1, most: 5 }, by: 'a' });
    const lines = await summariseScores(store, {}, 'release');
    expect(lines).toHaveLength(4);
    expect(lines.find(({ name, agent }) => name === 'helpful' && agent === 'reader')).toMatchObject({
      ...{ scores: 3, runs: 1, mean: 0.5, p10: 0.1, p50: 0.5, least: 0.1, most: 0.9, range: { least: 0, most: 1 } },
      of: (await scoresOfRun(store, 'one'))[0]?.release,
    });
    expect(lines.find(({ name }) => name === 'correct')).toMatchObject({ scores: 2, mean: 0.5 });
    expect(lines.find(({ name }) => name === 'tone')).toMatchObject({ categories: [{ value: 'polite', scores: 1 }] });
    expect(lines.find(({ agent }) => agent === 'writer')).toMatchObject({ mean: 4, range: { least: 1, most: 5 } });
  });
});

test('what was thought of a run goes with it: erased, or forgotten; an erased one is scored no more', async () => {
  await score('one', ['helpful=1'], { note: 'said in confidence' });
  await score('two', ['helpful=1']);
  await withStore(project.dir, async (store) => {
    await eraseStored(store, 'one', { by: 'test', at: 5 });
    expect((await allRefs(store, SCORE_PREFIX)).map(({ name }) => name)).toEqual([
      expect.stringMatching(/^score\/two\//),
    ]);
    await expect(scoreRun(store, 'one', { name: 'helpful', value: 1, by: 'alice' })).rejects.toMatchObject({
      code: 'erased',
    });
    await forgetRuns(store, Date.now(), false);
    expect(await allRefs(store, SCORE_PREFIX)).toEqual([]);
  });
});

test('the longest id still has room for its scores', () => {
  expect(() => checkRefName(scoreName('x'.repeat(450), ['of', '', 'n', 'a']))).not.toThrow();
});
