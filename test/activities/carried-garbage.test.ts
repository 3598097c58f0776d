// Needs: nothing but Node. What a run carries is stored, however long it is paused: two collections a day apart free none of it.
import { z } from 'zod';
import { callModel } from '../../activities/call-model';
import { callTool } from '../../activities/call-tool';
import { compactContext } from '../../activities/compact-context';
import { defineAgent, defineTool } from '../../activities/define';
import { encodeMessage } from '../../activities/store';
import { collectGarbage, GRACE_MS } from '../../activities/store/garbage/collect-garbage';
import { runRecordName } from '../../activities/store/ref-names';
import { tellToolFailure } from '../../activities/tell-tool-failure';
import type { CallModelResult } from '../../workflows/contract/activities';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import type { MessageHead } from '../../workflows/contract/message';
import type { CarriedState } from '../../workflows/contract/run';
import type { CallToolResult, ToolWait } from '../../workflows/contract/tool-call';
import { attempt, given, key, text, type Answer } from './given';

/** Each field of what is carried, so that a new one is thought of here. */
const HASHES: { [K in keyof Required<CarriedState>]: (state: CarriedState) => string[] } = {
  schemaVersion: () => [],
  startedAt: () => [],
  turn: () => [],
  head: ({ head }) => (head === null ? [] : [head]),
  length: () => [],
  append: ({ append }) => append.map(({ hash }) => hash),
  badAnswersInARow: () => [],
  totals: () => [],
  steps: () => [],
  lastSeq: () => [],
  messages: ({ messages }) => messages.map(({ hash }) => hash),
  paused: () => [],
  asking: () => [],
  steered: ({ steered = [] }) => steered.map(({ hash }) => hash),
  extended: () => [],
  warned: () => [],
  lastTurn: () => [],
  tenantLeft: () => [],
  // A person's result, and what they wrote in place of the arguments, is named by the record of the request.
  requests: ({ requests }) => requests?.open.map(({ message }) => message) ?? [],
  calling: ({ calling }) => [
    ...(calling ? [calling.message] : []),
    ...(calling?.results ?? []).flatMap((result) => (result && result !== 'waiting' ? [result.message.hash] : [])),
  ],
};
const namedBy = (state: CarriedState): string[] => Object.values(HASHES).flatMap((hashes) => hashes(state));

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'found',
});
const render = defineTool({
  name: 'render',
  description: 'Renders elsewhere.',
  input: z.object({}),
  output: z.string(),
  effect: 'keyed',
  approval: false,
  run: () => ({ job: 'j1' }),
  poll: { started: z.object({ job: z.string() }), every: '1s', upTo: '1h', check: () => 'rendered' },
});
const worker = defineAgent({
  name: 'worker',
  instructions: 'Work.',
  tools: [look, render],
  context: { compact: { when: { messages: 6 }, keepLast: 1 } },
});

const answered = <T extends { kind: string }>(
  result: CallModelResult | T,
): Extract<CallModelResult, { kind: 'answer' }> => {
  if (result.kind !== 'answer' || !('messages' in result)) throw new Error(`no answer: ${result.kind}`);
  return result;
};
const told = (result: CallToolResult | ToolWait): CallToolResult => {
  if ('kind' in result) throw new Error(`no result: ${result.reason}`);
  return result;
};

/** A run as it stands at three moments: while a tool works elsewhere, before the model reads the results, after a compaction. */
async function moments() {
  let now = 1_000 * GRACE_MS;
  const said: Answer[] = [
    { calls: ['look', 'nothing', 'lost', 'render'].map((name) => ({ name, args: {} })) },
    { text: '' },
    { text: 'What was done.' },
  ];
  const fixture = await given(worker, () => said.shift() ?? { text: 'done' }, { now: () => now });
  const { deps, store, about, input } = fixture;
  const first: MessageHead = { hash: input.append[0] ?? '', role: 'user', preview: 'go' };
  // As the client has recorded it, with its first message.
  await store.commit({ refs: [{ op: 'put', name: runRecordName('w'), value: { input: first.hash } }] });

  const one = answered(await callModel(deps, input, attempt()));
  const message = one.messages[0]?.hash ?? '';
  const call = (at: number, poll?: true) =>
    callTool(
      deps,
      {
        ...{ ...about, key: { ...key, index: at + 1 }, name: one.toolCalls[at]?.name ?? '', message, call: at },
        ...{ input: first.hash, ...(poll ? { poll } : {}) },
      },
      attempt(),
    );
  const results = [
    told(await call(0)),
    told(await call(1)),
    await tellToolFailure(
      deps,
      {
        ...{ ...about, key: { ...key, index: 3 }, name: 'lost', message, call: 2 },
        failure: { type: 'Worker.Lost', message: 'its worker died.' },
      },
      attempt(),
    ),
  ];
  await call(3);
  const usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
  const placed = (heads: MessageHead[]) => heads.map((head, position) => ({ ...head, position }));
  const calling: CarriedState = {
    ...{ schemaVersion: 1, startedAt: 0, turn: 1, badAnswersInARow: 0, steps: [], lastSeq: 0 },
    totals: { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage },
    ...{ head: one.head, length: 2, append: [], messages: placed([first, ...one.messages]) },
    calling: { message, calls: one.toolCalls, results: [...results, 'waiting'] },
  };
  const all = async (): Promise<CarriedState> => {
    const append = [...results, told(await call(3, true))].map((result) => result.message);
    const { calling: _, ...rest } = calling;
    return { ...rest, append, messages: placed([first, ...one.messages, ...append]), paused: { reason: 'a weekend' } };
  };
  const compacted = async (state: CarriedState): Promise<CarriedState> => {
    const append = state.append.map(({ hash }) => hash);
    const asked = { ...input, base: state.head, append, key: { ...key, turn: 2 }, compacted: true as const };
    const two = answered(await callModel(deps, asked, attempt()));
    expect(two.problem).toMatchObject({ type: 'Model.EmptyAnswer' });
    const summary = await compactContext(
      deps,
      { ...about, key: { ...key, turn: 3, index: COMPACTION_INDEX }, base: two.head, append: [] },
      attempt(),
    );
    if (summary.kind !== 'compacted') throw new Error('nothing was summed up');
    const messages = placed([...state.messages, ...two.messages]);
    return { ...state, head: summary.head, length: messages.length, append: [], messages, asking: { compacted: true } };
  };
  const collectTwice = async (): Promise<void> => {
    for (const wait of [1, GRACE_MS, GRACE_MS]) {
      now += wait;
      await collectGarbage(store);
    }
  };
  return { store, calling, all, compacted, collectTwice };
}

test('of a run that is paused over days nothing is freed that it carries, wherever it stands', async () => {
  const { store, calling, all, compacted, collectTwice } = await moments();
  const nobodys = (await store.commit({ objects: [encodeMessage(text('of nobody'))] })).hashes;
  expect(calling.calling?.results).toMatchObject([
    { message: { preview: 'found' } },
    { failure: 'Tool.Unknown' },
    { failure: 'Worker.Lost' },
    'waiting',
  ]);
  const seen = new Set<string>();
  for (const next of [() => Promise.resolve(calling), all, async () => await compacted(await all())]) {
    const state = await next();
    await collectTwice();
    // Whatever looks like a hash in it is one that a field above is known to hold.
    const hashes = [...new Set(namedBy(state))];
    expect(new Set(JSON.stringify(state).match(/\b[0-9a-f]{64}\b/g))).toEqual(new Set(hashes));
    expect(await store.has(hashes)).toEqual(hashes.map(() => true));
    Object.entries(HASHES).forEach(([field, of]) => of(state).length > 0 && seen.add(field));
  }
  expect([...seen].sort()).toEqual(['append', 'calling', 'head', 'messages']);
  expect(await store.has(nobodys)).toEqual([false]);
});
