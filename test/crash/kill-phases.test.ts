// Needs: the built command line (npm run build), a Temporal CLI, free ports. Kills process groups that it has started.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCrashRun } from '../../infra/drills/check-crash-run';
import { temporalCliPath } from '../../infra/drills/checkout';
import { courierRound } from '../../infra/drills/courier-round';
import { crashRun, type CrashRun } from '../../infra/drills/crash-run';
import { killInEveryPhase, PHASES } from '../../infra/drills/kill-plan';
import { startOutsideWorld, type OutsideWorld } from '../../infra/drills/outside-world';

const round = courierRound(4);
const seed = 1;
let world: OutsideWorld;
let dir: string;
let unharmed: CrashRun;
let killed: CrashRun;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'longhaul-parcels-'));
  world = await startOutsideWorld({ round });
  const about = { round, world, dir, temporalCli: await temporalCliPath() };
  unharmed = await crashRun({ ...about, kills: [] });
  killed = await crashRun({ ...about, kills: killInEveryPhase(seed) });
}, 300_000);

afterAll(async () => {
  await world.close();
  rmSync(dir, { recursive: true, force: true });
});

test('a run without a crash makes each call once', () => {
  expect(unharmed).toMatchObject({ code: 0, answer: round.answer, paidTwice: 0 });
  expect([...(unharmed.lives[0]?.seen ?? [])].sort()).toEqual(round.calls.map(({ id }) => id).sort());
});

test('a run killed with all around it in each phase, again and again, ends as if nothing had happened', () => {
  expect(checkCrashRun(killed, round, unharmed)).toEqual([]);
  expect(
    killed.lives
      .map(({ kill }) => kill?.phase)
      .filter(Boolean)
      .sort(),
  ).toEqual([...PHASES].sort());
  expect(killed.checkpoint).toBe(unharmed.checkpoint);
});

test('no call whose record was stored is made again', () => {
  for (const { seen, stored } of killed.lives) expect(seen.filter((id) => stored.includes(id))).toEqual([]);
});

test('each start says how many calls are kept', () => {
  expect(killed.lives.slice(1).map(({ said }) => said?.kept)).toEqual(
    killed.lives.slice(1).map(({ stored }) => stored.length),
  );
});

test('the report is written once, and its content never changes', () => {
  const contents = [...killed.reports.values()];
  expect(contents).toHaveLength(1);
  expect(new Set(contents.flat())).toEqual(new Set([...unharmed.reports.values()].flat()));
});
