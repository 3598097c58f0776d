// Needs: the built command line and till (npm run build), a Temporal CLI, free ports. Kills process groups that it has started. The short
// form of `npm run drill:effects`: what a till in a process of its own has seen of each kind of effect, under each fault.
import { temporalCliPath } from '../../infra/drills/checkout';
import { crashCells, faultCells, killAtMoments } from '../../infra/drills/effects-drill';
import { killAroundSubAgents } from '../../infra/drills/sub-agents-drill';

const SEED = 1;

test('every kind of effect happens once, or is said to be unknown, where the tool fails, is silent or answers nonsense', async () => {
  const problems: string[] = [];
  const cells = await faultCells(await temporalCliPath(), problems);
  expect(problems).toEqual([]);
  expect(cells).toHaveLength(15);
}, 120_000);

test('so it is where everything is killed while the tool acts, and after it has', async () => {
  const problems: string[] = [];
  const acts = ['charge', 'transfer', 'post_letter'] as const;
  const cells = await crashCells(await temporalCliPath(), problems, ['crash during', 'crash after'], acts);
  expect(problems).toEqual([]);
  expect(cells).toHaveLength(6);
}, 240_000);

test('and where it is killed again and again, at seeded moments of calls that act', async () => {
  const problems: string[] = [];
  const { kills } = await killAtMoments(await temporalCliPath(), 6, SEED, problems);
  expect(problems).toEqual([]);
  expect(kills).toBe(6);
}, 240_000);

test('and where a sub-agent makes the calls: each is one run of it, and counts for its caller', async () => {
  const problems: string[] = [];
  const { kills, open } = await killAroundSubAgents(await temporalCliPath(), 6, SEED, problems);
  expect(problems).toEqual([]);
  expect(kills).toBe(6);
  expect(open).toEqual([]);
}, 240_000);
