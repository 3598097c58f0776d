// A run whose agent has agents among its tools, in process: what their runs come to is the test's to say.
import { NO_METRICS } from '../../activities/no-metrics';
import { defineAgent, type AnyAgent } from '../../activities/define';
import { UNKNOWN_PRICES, type Prices } from '../../activities/gateway/money/prices';
import { AS_PREFERRED, NO_QUOTA } from '../../activities/gateway/ports';
import type { ActivityDeps } from '../../activities/deps';
import type { ContentStore } from '../../activities/store/port';
import { runRecordName } from '../../activities/store/ref-names';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import {
  createConversation,
  createMemoryStore,
  directToolStore,
  encodeMessage,
  objectHash,
} from '../../activities/store';
import { publishReleases } from '../../workers/publish-releases';
import type { CarriedState, Outcome } from '../../workflows/contract/run';
import type { SubAgentEnd, SubAgentStart } from '../../workflows/core/environment';
import { createScriptedProvider } from '../kit/scripted-provider';
import { type Script } from '../kit/script';
import { createTestPeople } from '../kit/test-people';
import { startTestRun, type RunControls, type TestRun } from '../kit/test-run';
import { createVirtualClock } from '../kit/virtual-clock';
import { manifestFor } from '../stack/manifest-for';

export const agent = (name: string, more: object = {}): AnyAgent =>
  defineAgent({ name, description: `The ${name}.`, instructions: name, ...more });

export interface Given {
  model: Script;
  /** What the nth run of a sub-agent, from 1, comes to. */
  ends?(start: SubAgentStart, nth: number): Ending | Promise<Ending>;
  shouldContinueAsNew?(carried: CarriedState): boolean;
  /** Of another run that this one is after its reset: it has the same id, and first execution. */
  store?: ContentStore;
  /** Its first message. */
  says?: string;
  /** @default nobody knows any */
  prices?: Prices;
  /** Of the run, while it is under way. */
  onControls?(controls: RunControls): void;
}
interface End {
  outcome: Outcome;
  text: string;
  tokens: number;
  toolCalls: number;
  nanoUsd: number;
  estimated: true;
}
export interface Started {
  run: TestRun<unknown, unknown>;
  started: SubAgentStart[];
  /** Ids of runs that were told to end, though this one could not wait for them. */
  cancelled: string[];
  deps: ActivityDeps;
  /** Ends a run that works elsewhere. */
  end(id: string, came: Partial<End>): Promise<unknown>;
}
export type Ending = Partial<End> | 'elsewhere' | 'terminated';
const NONE = { cachedInput: 0, output: 0, reasoning: 0 };

const nothing = (): undefined => undefined;

export async function startWith(
  lead: AnyAgent,
  {
    model,
    ends = () => ({}),
    shouldContinueAsNew,
    store = createMemoryStore(),
    says = 'go',
    onControls,
    prices,
  }: Given,
): Promise<Started> {
  const clock = createVirtualClock(0);
  const loaded = manifestFor(lead, 'scripted/x');
  const below = lead.tools.flatMap((tool) => (tool.agent ? [manifestFor(tool.agent.agent, 'scripted/x')] : []));
  await publishReleases(store, [loaded, ...below]);
  const provider = createScriptedProvider({ model, context: () => undefined, now: clock.now });
  const people = createTestPeople(loaded.manifest.plan);
  const deps: ActivityDeps = {
    ...{ store, conversation: createConversation(store), toolStore: directToolStore(store) },
    agents: { resolve: () => loaded },
    providers: { resolve: () => ({ provider, model: 'x' }) },
    ...{ quota: NO_QUOTA, routing: AS_PREFERRED, prices: prices ?? UNKNOWN_PRICES },
    ...{ secretsOf: () => ({}), approvers: people.approvers, stateDir: '/nonexistent' },
    ...{ worker: 'test', now: clock.now, failpoint: () => Promise.resolve(), metrics: NO_METRICS },
  };
  const first = encodeMessage({ role: 'user', parts: [{ type: 'text', text: says }] });
  await store.commit({ objects: [first] });
  const started: SubAgentStart[] = [];
  const cancelled: string[] = [];
  const over = new Set<string>();
  const cancelSubAgent = (id: string): boolean => {
    cancelled.push(id);
    return started.some((one) => one.id === id) && !over.has(id);
  };
  /** As its own endRun would. */
  const end = async (
    id: string,
    { outcome = 'completed', text = 'known', tokens = 0, toolCalls = 0, nanoUsd, ...estimated }: Partial<End>,
  ) => {
    const [hash = ''] = (await store.commit({ objects: [new TextEncoder().encode(text)] })).hashes;
    const totals = {
      turns: 1,
      modelCalls: 1,
      toolCalls,
      reusedCalls: 0,
      usage: { ...NONE, input: tokens },
      ...(nanoUsd === undefined ? {} : { cost: { nanoUsd } }),
      ...estimated,
    };
    const output = { hash, bytes: text.length, preview: text.slice(0, 100) };
    const failure = { type: 'Model.Refused' as const, message: 'it would not' };
    const said = outcome === 'completed' ? { output } : { failure };
    const ref = await store.readRef(runRecordName(id));
    const record = runRecordSchema.parse(ref?.value);
    const ended = { at: 1, outcome, ...said, head: null, length: 2, firstRunId: id, totals };
    await store.commit({ refs: [{ op: 'put', name: runRecordName(id), value: { ...record, ended } }] });
    over.add(id);
    return { schemaVersion: 1 as const, outcome, ...said, head: null, length: 2, totals };
  };
  const runSubAgent = async (start: SubAgentStart): Promise<SubAgentEnd> => {
    started.push(start);
    const came = await ends(start, started.length);
    if (came === 'elsewhere') return { kind: 'elsewhere' };
    const failure = { type: 'Run.Cancelled' as const, message: 'it was terminated.' };
    if (came === 'terminated') return { kind: 'lost', firstRunId: `${start.id}-1`, failure };
    return { kind: 'ended', result: await end(start.id, came) };
  };
  const run = await startTestRun({
    ...{ id: 'root', deps, clock, calls: [], runSubAgent, cancelSubAgent },
    ...(shouldContinueAsNew ? { shouldContinueAsNew } : {}),
    input: {
      ...{ schemaVersion: 1, agent: lead.name, release: loaded.release, tenant: 't', tags: ['a-tag'] },
      ...{ input: { hash: objectHash(first), role: 'user', preview: says }, plan: loaded.manifest.plan },
    },
    readOutput: (result) => Promise.resolve(result.output?.preview),
    people,
    onControls: onControls ?? nothing,
  });
  return { run, started, cancelled, deps, end };
}

export const reader = agent('reader');
/** A turn that calls it, once with each of these. */
export const asks = (...inputs: string[]): { calls: { name: string; args: { input: string } }[] } => ({
  calls: inputs.map((input) => ({ name: 'reader', args: { input } })),
});
