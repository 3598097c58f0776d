// One look at a rollout: its runs are read, compared and judged, and what it came to is kept, in words and in figures.
import { setImmediate } from 'node:timers/promises';
import type { LookInput, LookResult, RolloutKept } from '../../workflows/contract/rollout';
import { rolloutRecordSchema, type KeptLook } from '../../workflows/contract/schemas/rollout';
import type { Finding } from '../../workflows/contract/schemas/finding';
import { explain } from '../rollout/explain';
import {
  decisionOf,
  verdictOf,
  type ArmFigures,
  type Judgement,
  type MetricVerdict,
  type RolloutLook,
} from '../rollout/judge';
import { readRolloutRuns } from '../rollout/rollout-runs';
import { SCORE } from '../rollout/run-values';
import { comparedIn, harmIn, type Stratum } from '../rollout/strata';
import { strataOf } from '../rollout/units';
import { allRefs } from '../store';
import { findingsIn } from '../store/findings';
import { passedOver } from '../store/passed-over';
import type { ContentStore, Ref, RefWrite } from '../store/port';
import { lookName, looksOf, rolloutName } from '../store/ref-names';
import { readRollout } from '../store/rollouts';
import type { RolloutTrafficDeps } from './rollout-traffic';

export interface JudgeDeps extends RolloutTrafficDeps {
  /** Absent where nobody looks for anomalies. */
  watch?: unknown;
}

/** Kept of one rollout. Of more the older ones are thinned out: what a plot shows stays. */
export const LOOKS_KEPT_MOST = 200;

export async function judgeRollout(deps: JudgeDeps, input: LookInput, signal?: AbortSignal): Promise<LookResult> {
  const { store, now } = deps;
  const { agent, id, number } = input;
  const passed = await passedOver(store, agent, id);
  if (passed) return passed;
  const rollout = await readRollout(store, agent, id);
  if (!rollout) return { kind: 'unkept' };
  const since = performance.now();
  const reading = { isWatched: deps.watch !== undefined, ...(signal ? { signal } : {}) };
  const { runs, isCut } = await readRolloutRuns(store, rollout, reading);
  const { policy, steps } = rollout;
  const strata = strataOf(runs, steps, policy.metrics);
  const about = { policy, strata, step: steps.length - 1, isOver: input.isOver || isCut };
  const judgement: Judgement = { ...decisionOf(about), verdicts: await verdictsOf(about) };
  const { headline, metrics: lines } = explain(judgement, policy);
  const finding = findingText(await findingsIn(store, agent), rollout, input.findingsFrom);
  const tookMs = Math.round(performance.now() - since);
  const look: KeptLook = {
    ...{ schemaVersion: 1, number, at: now(), headline, lines, tookMs },
    ...keptJudgement(judgement),
    runs: runsIn(strata),
    open: runs.filter(({ values }) => !values).length,
    ...(finding === undefined ? {} : { finding }),
  };
  await keepLook(store, rollout, look);
  const { decision } = judgement;
  return { kind: 'looked', decision, headline, tookMs, ...(finding === undefined ? {} : { finding }) };
}

/** There are dozens of types of failure: those are told in which there is something to see. */
async function verdictsOf({ policy, strata }: Pick<RolloutLook, 'policy' | 'strata'>): Promise<MetricVerdict[]> {
  const verdicts: MetricVerdict[] = [];
  for (const metric of policy.metrics) {
    const isOfMany = metric.name.includes(':') && !metric.name.startsWith(SCORE);
    if (isOfMany && !harmIn(comparedIn(strata, metric))) continue;
    // Each takes some tens of milliseconds, and this process has other things to do.
    await setImmediate();
    verdicts.push(verdictOf(strata, metric, policy));
  }
  return verdicts;
}

const runsIn = (strata: readonly Stratum[]): KeptLook['runs'] => ({
  current: strata.reduce((sum, { current }) => sum + current.runs, 0),
  candidate: strata.reduce((sum, { candidate }) => sum + candidate.runs, 0),
});

function keptJudgement({
  verdicts,
  ...judgement
}: Judgement): Pick<KeptLook, 'decision' | 'step' | 'exposure' | 'exposureNeeded' | 'balance' | 'verdicts'> {
  return { ...judgement, verdicts: verdicts.map(keptVerdict) };
}

/** As JSON has it: what is not there is left out. */
function keptVerdict({ metric, verdict, alpha, harm, bounds, ...arms }: MetricVerdict): KeptLook['verdicts'][number] {
  const { atLeast, atMost } = bounds;
  const figures = ({ units, mean }: ArmFigures) => ({ units, ...(mean === undefined ? {} : { mean }) });
  return {
    ...{ metric, verdict, alpha, current: figures(arms.current), candidate: figures(arms.candidate) },
    ...(harm === undefined ? {} : { harm }),
    bounds: { ...(atLeast === undefined ? {} : { atLeast }), ...(atMost === undefined ? {} : { atMost }) },
  };
}

/** Of one run by itself it is one of the metrics: of both releases there are some. */
function findingText(findings: readonly Finding[], { release }: RolloutKept, from: number): string | undefined {
  const found = findings.find((one) => one.release === release && one.of !== 'run' && one.at >= from);
  return found && `${found.metric} went ${found.direction} (finding ${found.id})`;
}

/** With the number of looks in the rollout's record, unless somebody writes that at this moment: the next look says it again. */
async function keepLook(store: ContentStore, { agent, id }: RolloutKept, look: KeptLook): Promise<void> {
  const put: RefWrite = { op: 'put', name: lookName(agent, id, look.number), value: look };
  const name = rolloutName(agent, id);
  const ref = await store.readRef(name);
  const record = rolloutRecordSchema.safeParse(ref?.value).data;
  const counted: RefWrite[] =
    ref && record
      ? [{ op: 'compare-and-set', name, version: ref.version, value: { ...record, looks: look.number } }]
      : [];
  const { conflicts } = await store.commit({ refs: [put, ...counted] });
  if (conflicts.length > 0) await store.commit({ refs: [put] });
  const kept = await allRefs(store, looksOf(agent, id));
  for (const { name: old } of thinned(kept)) await store.deleteRef(old);
}

/** Every second of the older half; the first stays. */
function thinned(kept: readonly Ref[]): Ref[] {
  if (kept.length <= LOOKS_KEPT_MOST) return [];
  return kept.slice(1, LOOKS_KEPT_MOST / 2).filter((_, at) => at % 2 === 0);
}
