// One model call: found again if it was made before, otherwise made, judged and stored, in that order.
//
// Write order: objects, call record and head become durable in one commit before the activity completes. What remains is one
// window, an answer received and not yet stored; the guarantees table in the root README says so.
import type { CallModelInput, CallModelResult, ModelAnswer } from '../workflows/contract/activities';
import type { JsonValue, Message, MessageHead, Usage } from '../workflows/contract/message';
import { isShadowId } from '../workflows/contract/names';
import { modelRecordSchema, type ModelRecord } from '../workflows/contract/schemas/call-record';
import { askModel, type Asked } from './ask-model';
import { conversationRecords, findCallRecord } from './call-records';
import { placesOf } from './store/original-messages';
import { begunStep, releaseOf } from './counted';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { addedTo } from './edited-conversation';
import { landAnswer } from './gateway/cache/share-question';
import { preferredOrder } from './gateway/routing/preferred-order';
import { withSpending, type Spending } from './gateway/money/spending';
import { StoppedCall } from './gateway/stopped-call';
import { judgeAnswer, type Verdict } from './judge-answer';
import { requireAgent } from './require-agent';
import { canonicalJson, encodeMessage, previewOf } from './store';
import { chainName } from './store/ref-names';
import { askingNobody } from './shadow/plan-of-shadow';
import { storeAnswer, withLoser, type Received } from './store-answer';
import { createUnsavedAnswers, unsavedName } from './unsaved-answers';
import { tokensOf } from './watch/watched-run';

const UNSAVED = createUnsavedAnswers<ModelRecord>();

export const callModel = (deps: ActivityDeps, input: CallModelInput, attempt: Attempt): Promise<CallModelResult> =>
  withSpending(deps, input, attempt, (spending) => answer(deps, input, attempt, spending), input.nanoUsdLeft);

async function answer(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  spending: Spending,
): Promise<CallModelResult> {
  const records = conversationRecords(deps, input, modelRecordSchema);
  const unsaved = UNSAVED.of(deps.providers);
  const name = unsavedName(input);
  const found = await findCallRecord(records);
  if (found.answer) {
    unsaved.delete(name);
    deps.metrics.reused('model');
    return { ...found.answer.answer, reused: true };
  }
  const received = unsaved.get(name) ?? (await ask(deps, input, attempt, spending));
  if ('instead' in received) return received.instead;
  unsaved.set(name, received);
  spending.keeps();
  await deps.failpoint('store.before-put');
  const kept = await storeAnswer(deps, attempt, records, { received, version: found.version });
  await deps.failpoint('store.after-put');
  unsaved.delete(name);
  if (received.shared) deps.cache?.wake(received.shared.name);
  const own = received.record;
  const told = await withLoser(deps.store, records, { kept, received: own, lost: spending.keptInVain() });
  // Of this attempt's own answer, whichever was kept: it was paid for.
  const { answer, startedAt, endedAt } = own;
  const of = releaseOf(input);
  // Where it cannot be kept the next look finds the run.
  void deps
    .tokensTaken?.({ ...of, tenant: input.tenant, run: attempt.workflowId }, tokensOf(answer))
    .catch(() => undefined);
  if (answer.cached) deps.metrics.cached({ ...of, model: answer.model });
  else
    deps.metrics.modelCall({
      ...of,
      model: answer.model,
      outcome: answer.problem?.type ?? 'ok',
      seconds: (endedAt - startedAt) / 1000,
    });
  return told.answer;
}

async function ask(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  spending: Spending,
): Promise<Received<ModelRecord> | { instead: CallModelResult }> {
  const pinned = await requireAgent(deps, input);
  const loaded = isShadowId(attempt.workflowId) ? askingNobody(pinned) : pinned;
  const startedAt = deps.now();
  deps.metrics.stepBegun(begunStep(input, attempt, 'model', startedAt));
  const [preferred] = preferredOrder(loaded.manifest.model, attempt.workflowId);
  const { model, output } = loaded.manifest;
  attempt.saw?.({ ...(preferred === undefined ? {} : { preferred }), parameters: model.parameters, isJson: !!output });
  const asked = await askModel(deps, input, attempt, { loaded, spending }).catch((error: unknown) => {
    if (error instanceof StoppedCall)
      deps.metrics.modelCall({
        ...releaseOf(input),
        model: error.route,
        outcome: 'cancelled',
        seconds: (deps.now() - startedAt) / 1000,
      });
    throw error;
  });
  if ('instead' in asked) return asked;
  try {
    const received = await receive(deps, input, attempt, { loaded, startedAt, asked, spending });
    attempt.saw?.({ record: received.record });
    return received;
  } catch (error) {
    await asked.flight?.giveUp(1);
    throw error;
  }
}

interface ToReceive {
  loaded: LoadedAgent;
  startedAt: number;
  asked: Asked;
  spending: Spending;
}

async function receive(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { loaded, startedAt, asked, spending }: ToReceive,
): Promise<Received<ModelRecord>> {
  attempt.saw?.({ response: asked.response });
  const verdict = await judgeAnswer(asked.response, loaded, {
    tenant: input.tenant,
    nameOf: (bytes) => deps.store.nameOf(bytes),
  });
  const { record, objects } = build(deps, input, {
    ...asked,
    verdict,
    spending,
    made: {
      schemaVersion: 1,
      startedAt,
      endedAt: deps.now(),
      attempt: attempt.number,
      worker: deps.worker,
      release: loaded.release,
    },
  });
  const { flight, response } = asked;
  const shared = flight && (await landAnswer(flight, attempt.workflowId, { record, verdict, loaded, response }));
  const added = record.answer.messages.map(({ hash }) => hash);
  const { base } = asked.asked;
  return {
    record: shared ? { ...record, shared: shared.name } : record,
    objects,
    ...(shared ? { shared } : {}),
    head: record.answer.head,
    length: record.position + added.length,
    chains: [{ name: chainName(attempt.workflowId), base, appended: [...addedTo(asked.asked), ...added] }],
  };
}

interface ToBuild extends Asked {
  verdict: Verdict;
  spending: Spending;
  made: Pick<ModelRecord, 'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'>;
}

function build(
  deps: ActivityDeps,
  input: CallModelInput,
  { response, cost, asked, before, verdict, spending, made, route, rawForm, given, tried, batch }: ToBuild,
): { record: ModelRecord; objects: Uint8Array[] } {
  const messages = [verdict.message, ...(verdict.reply ? [verdict.reply] : [])];
  const encoded = messages.map(encodeMessage);
  const heads = messages.map((message, at) => headOf(deps, message, encoded[at] ?? new Uint8Array()));
  const after = deps.conversation.extend(
    before.head,
    heads.map((head) => head.hash),
  );
  // What was given is stored already.
  const raw = given ? undefined : canonicalJson(response.raw);
  const output = verdict.output === undefined ? undefined : canonicalOutput(verdict.output);
  const answer: ModelAnswer = {
    kind: 'answer',
    head: after.head,
    ...(asked.notices ? { notices: asked.notices } : {}),
    messages: heads,
    toolCalls: verdict.toolCalls,
    ...(verdict.problem ? { problem: verdict.problem } : {}),
    ...(output
      ? { output: { hash: deps.store.nameOf(output), bytes: output.length, preview: previewOf(verdict.output ?? '') } }
      : {}),
    usage: response.usage,
    cost,
    ...spending.unanswered(),
    model: route,
    ...(asked.pruned ? { pruned: asked.pruned } : {}),
    ...(given ? { cached: true, saved: given.saved, ...savedCostOf(deps, route, given.saved) } : {}),
    ...(batch ? { batched: { of: batch.of, ...(batch.alone ? { alone: true } : {}) } } : {}),
    ...leftOf(deps, input, given !== undefined),
  };
  const record: ModelRecord = {
    kind: 'model',
    ...made,
    from: { base: input.base, append: input.append },
    answer,
    ...(asked.pruned || asked.notices ? { edited: before.head } : {}),
    position: asked.entries.reduce((sum, { message }) => sum + placesOf(message), 0),
    raw: given ? given.raw : deps.store.nameOf(raw ?? new Uint8Array()),
    ...(rawForm === undefined ? {} : { rawForm }),
    ...(given ? { origin: given.origin } : {}),
    ...(tried ? { tried } : {}),
    finish: response.finish,
    request: response.request,
    ...(response.requestId === undefined ? {} : { requestId: response.requestId }),
    ...(batch ? { batch } : {}),
  };
  return {
    record,
    objects: [...before.objects, ...encoded, ...after.objects, ...(raw ? [raw] : []), ...(output ? [output] : [])],
  };
}

/** At the price of now: it is what asking would cost. */
function savedCostOf({ prices }: ActivityDeps, route: string, saved: Usage): Pick<ModelAnswer, 'savedCost'> {
  const nanoUsd = prices.nanoUsd(route, saved);
  return nanoUsd === undefined ? {} : { savedCost: { nanoUsd } };
}

function leftOf(
  { quota }: ActivityDeps,
  { tenant }: CallModelInput,
  isGiven: boolean,
): Pick<ModelAnswer, 'tenantLeft'> {
  const tenantLeft = isGiven ? [] : (quota.tenantLeft?.(tenant) ?? []);
  return tenantLeft.length > 0 ? { tenantLeft } : {};
}

const headOf = ({ store }: ActivityDeps, message: Message, bytes: Uint8Array): MessageHead => ({
  hash: store.nameOf(bytes),
  role: message.role,
  preview: previewOf(message),
});

/** Text as it is, anything else as canonical JSON. */
const canonicalOutput = (output: JsonValue): Uint8Array =>
  typeof output === 'string' ? new TextEncoder().encode(output) : canonicalJson(output);
