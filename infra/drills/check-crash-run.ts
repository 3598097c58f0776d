// What a crash must not do, checked against the store, the outside world, and the same run without a crash.
import type { CrashRun, Life } from './crash-run';
import type { CourierRound } from './courier-round';

/** @returns what is wrong, in words; none when all guarantees held */
export function checkCrashRun(run: CrashRun, round: CourierRound, unharmed: CrashRun): string[] {
  return [
    ...checkEnd(run, round, unharmed),
    ...checkReports(run, unharmed),
    ...run.lives.flatMap((life, at) => checkLife(run, round, life, at)),
    ...checkPaid(run, round),
  ];
}

function checkEnd(run: CrashRun, round: CourierRound, unharmed: CrashRun): string[] {
  const seen = new Set(run.lives.flatMap((life) => life.seen));
  return when(
    [run.code !== 0, `it ended with ${run.code}: ${run.stderr.trim().split('\n').at(-1)}`],
    [run.answer !== round.answer, `it answered "${run.answer}"`],
    [
      run.checkpoint === undefined || run.checkpoint !== unharmed.checkpoint,
      `its checkpoint is ${run.checkpoint}, of the run without a crash ${unharmed.checkpoint}`,
    ],
    [run.stored.length !== round.calls.length, `${run.stored.length} of ${round.calls.length} calls are stored`],
    [run.askedDifferently.length > 0, `repeated with other bytes: ${run.askedDifferently.join(', ')}`],
    [round.calls.some(({ id }) => !seen.has(id)), 'a call was never made'],
  );
}

function checkReports({ reports }: CrashRun, unharmed: CrashRun): string[] {
  const contents = [...reports.values()];
  const [expected] = [...unharmed.reports.values()].flat();
  return when(
    [contents.length !== 1, `there are ${contents.length} reports`],
    [contents.flat().some((content) => content !== expected), 'a report has other content than it had, or should have'],
  );
}

function checkLife({ lives }: CrashRun, round: CourierRound, life: Life, at: number): string[] {
  const before = lives[at - 1];
  const again = life.seen.filter((id) => life.stored.includes(id));
  const where = `start ${at + 1}`;
  const problems = when(
    [again.length > 0, `${where} made calls again that were stored: ${again.join(', ')}`],
    [life.kill !== undefined && lives[at + 1] === undefined, `${where} ended before it reached ${life.kill?.phase}`],
  );
  if (!before) return problems;
  if (!life.said) return [...problems, `${where} did not say what it found`];
  const { kept, repeated } = life.said;
  const [least, most] = lostCalls(round, before, life.stored);
  return [
    ...problems,
    ...when(
      [kept !== life.stored.length, `${where} said ${kept} kept, and ${life.stored.length} are stored`],
      [
        repeated < least || repeated > most,
        `${where} said ${repeated} repeated, and ${least}${most > least ? ` to ${most}` : ''} were under way`,
      ],
    ),
  ];
}

/** How many calls were begun and not stored when a life was killed: the outside sees some of them, the round bounds the rest. */
function lostCalls(
  round: CourierRound,
  { kill, seen }: Life,
  stored: readonly string[],
): [least: number, most: number] {
  const seenLost = new Set(seen.filter((id) => !stored.includes(id))).size;
  const next = round.calls.find(({ id }) => !stored.includes(id));
  const turn = next?.id.split('.')[0];
  const ofTurn = round.calls.filter(({ id }) => id.split('.')[0] === turn);
  const open = next?.kind === 'model' ? 1 : ofTurn.filter(({ id }) => !stored.includes(id)).length;
  if (!next || !kill) return [0, 0];
  if (kill.phase !== 'store.after-put') {
    const stopped = kill.phase === 'between turns' || kill.phase === 'outside' ? 0 : 1;
    return [Math.max(stopped, seenLost), open];
  }
  // What stands behind its put holds the run: only its neighbours of the same turn may be under way.
  const neighbours = ofTurn.some(({ id, kind }) => kind === 'tool' && stored.includes(id));
  return [seenLost, neighbours ? open : 0];
}

/** An answer that was begun and not stored when its worker died is the one thing that is paid again. */
function checkPaid({ lives, paidTwice }: CrashRun, round: CourierRound): string[] {
  const models = new Set(round.calls.filter(({ kind }) => kind === 'model').map(({ id }) => id));
  const lost = lives.slice(0, -1).map(({ seen }, at) => {
    const stored = lives[at + 1]?.stored ?? [];
    return new Set(seen.filter((id) => models.has(id) && !stored.includes(id))).size;
  });
  const allowed = lost.reduce((sum, count) => sum + count, 0);
  return when(
    [paidTwice > allowed, `${paidTwice} answers were paid twice, and ${allowed} were lost`],
    [lost.some((count) => count > 1), 'more than one answer was lost in one crash'],
  );
}

const when = (...cases: [holds: boolean, problem: string][]): string[] =>
  cases.flatMap(([holds, problem]) => (holds ? [problem] : []));
