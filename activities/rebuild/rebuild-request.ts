// What a model was asked, rebuilt from what is stored: the conversation as it was read, the release, and the provider's own items. No request
// is kept twice; that a rebuilt one is the one that was sent, the hash in its record shows.
import { createHash } from 'node:crypto';
import type { Message } from '../../workflows/contract/message';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { CompactionRecord, ModelRecord } from '../../workflows/contract/schemas/call-record';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { modelRequest, summaryOf } from '../model-request';
import type { ModelRequest } from '../model/provider';
import { wireBody } from '../model/wire-provider';
import { createConversation, type ContentStore, type Conversation } from '../store';
import type { Reached } from '../store/chain-links';
import { chainName, earlierChainName } from '../store/ref-names';
import type { RunCall } from '../store/run-calls';
import { orWhy } from '../store/why-unreadable';
import { isWireForm, WIRE_FORMS, type WireForm } from './wire-forms';

export interface RebuiltRequest {
  /** As `provider/model`. */
  route: string;
  form: WireForm;
  /** Below the provider's base URL. */
  path: string;
  /** Exactly what was sent, where `isSame`. */
  body: string;
  sha256: string;
  bytes: number;
  /** Whether it is what was sent, by the hash that was recorded then; null where none was, or nothing was answered. */
  isSame: boolean | null;
  /** In one sentence, where there is something to say of it. */
  note?: string;
}

/** Why there is none, in one sentence. */
export interface NoRequest {
  why: string;
}

export interface RunOfCall {
  /** Id of the run. */
  id: string;
  firstRunId: string;
  tenant: string;
}

export interface RebuildOptions {
  /** Another of the route, which was asked and did not answer. @default the one that answered */
  route?: string;
  /** The form of that one's server. */
  form?: WireForm;
}

/** @returns why there is none also where a part of it is not stored any more */
export async function rebuildRequest(
  store: ContentStore,
  run: RunOfCall,
  call: RunCall,
  options: RebuildOptions = {},
): Promise<RebuiltRequest | NoRequest> {
  const { record } = call;
  if (record.kind !== 'model' && record.kind !== 'compaction')
    return { why: `it is a call of the tool ${record.name}: no model was asked.` };
  const route = options.route ?? (record.kind === 'model' ? record.answer.model : record.result.model);
  const form = options.form ?? record.rawForm;
  if (record.kind === 'model' && record.batch && !record.batch.alone)
    return {
      why: `it was task ${record.batch.item} of one request for ${record.batch.of}, which holds what other runs asked: that request is not kept.`,
    };
  if (!isWireForm(form)) return { why: noForm(record, route) };
  const rebuilding = requestOf(store, run, call, record, { route, form }).then((request) =>
    wired(options.route === undefined ? withCap(request, record) : request, route, form),
  );
  const { got, why } = await orWhy(rebuilding);
  return got ? judged(got, record, options.route !== undefined) : partGone(why);
}

const partGone = (why: string): NoRequest => ({ why: `a part of it cannot be read: ${why}` });

/** The model call that a run has ended at without an answer. Nothing is recorded of it but the conversation that the run has ended with. */
export interface UnansweredCall {
  release: string;
  /** Of that conversation: stored. */
  head: string;
  fork: number;
  turn: number;
}

/**
 * What such a call asked a model of its route.
 * @param place who was asked, and in which form
 */
export async function rebuildUnanswered(
  store: ContentStore,
  run: RunOfCall,
  { release, head, fork, turn }: UnansweredCall,
  { route, form }: { route: string; form: WireForm },
): Promise<RebuiltRequest | NoRequest> {
  const rebuilding = async (): Promise<Omit<RebuiltRequest, 'isSame'>> => {
    const own = store.of(run.tenant);
    const conversation = createConversation(own);
    const { links, broken } = await conversation.reach(head, chainName(run.id));
    if (broken) throw broken;
    const messages = await conversation.messages(links.map(({ hash }) => hash));
    const entries = messages.map((message, at) => ({ hash: links[at]?.hash ?? '', message }));
    const request = await modelRequest(
      { store: own },
      { run: run.firstRunId, fork, turn, index: 0 },
      {
        ...{ manifest: await manifestOf(store, release), entries, earlier: entries.length },
        ...{ provider: { name: providerOf(route), rawItemsForm: form }, model: modelOf(route) },
      },
    );
    return await wired(request, route, form);
  };
  const { got, why } = await orWhy(rebuilding());
  return got ? { ...got, isSame: null, note: NOT_ANSWERED } : partGone(why);
}

const NOT_ANSWERED =
  'it was not answered, and no hash of what was sent is kept: this is what the conversation and the release come to.';

/** What a model was asked, as data, whatever form it was written in: also where it was not asked over HTTP. */
export interface AskedModel {
  /** As `provider/model`. */
  route: string;
  request: ModelRequest;
}

/** Of the one that answered. @returns why there is none also where a part of it is not stored any more */
export async function askedModel(store: ContentStore, run: RunOfCall, call: RunCall): Promise<AskedModel | NoRequest> {
  const { record } = call;
  if (record.kind !== 'model' && record.kind !== 'compaction')
    return { why: `it is a call of the tool ${record.name}: no model was asked.` };
  const route = record.kind === 'model' ? record.answer.model : record.result.model;
  const form = isWireForm(record.rawForm) ? record.rawForm : undefined;
  const { got, why } = await orWhy(requestOf(store, run, call, record, { route, form }));
  return got ? { route, request: withCap(got, record) } : partGone(why);
}

function noForm(record: ModelRecord | CompactionRecord, route: string): string {
  const isOld = record.kind === 'compaction' && record.request === undefined;
  return isOld
    ? 'it was recorded by a version that did not keep how summaries were asked for.'
    : `${route} was not asked over HTTP: what it was given is below.`;
}

interface Place {
  route: string;
  /** Undefined of a model that is not asked over HTTP. */
  form: WireForm | undefined;
}

async function requestOf(
  store: ContentStore,
  run: RunOfCall,
  { fork, turn, index }: RunCall,
  record: ModelRecord | CompactionRecord,
  { route, form }: Place,
): Promise<ModelRequest> {
  const own = store.of(run.tenant);
  const conversation = createConversation(own);
  const manifest = await manifestOf(store, record.release);
  const model = modelOf(route);
  if (record.kind === 'compaction') {
    const messages = await conversation.messages(await summedUpHashes(conversation, run.id, record));
    const { range, transcriptTokens: most = Infinity } = record;
    return summaryOf({ store: own }, { manifest, messages, first: range.first, most }, model);
  }
  const { entries, earlier } = await givenTo(conversation, run.id, record);
  const provider = { name: providerOf(route), ...(form === undefined ? {} : { rawItemsForm: form }) };
  const key = { run: run.firstRunId, fork, turn, index };
  return await modelRequest({ store: own }, key, { manifest, entries, earlier, provider, model });
}

/** What the model read, in its order: an edited conversation has a head of its own. */
export interface GivenHashes extends Pick<Reached, 'broken'> {
  hashes: string[];
  /** How many of them came before what this call was given to read. */
  earlier: number;
}

/** As far back as the chain can be read. */
export async function givenHashes(
  conversation: Conversation,
  id: string,
  { from: { base, append }, edited, answer: { notices = [] } }: ModelRecord,
): Promise<GivenHashes> {
  const head = edited ?? base;
  const { links, ...broken }: Reached = head === null ? { links: [] } : await conversation.reach(head, chainName(id));
  const before = links.map(({ hash }) => hash);
  if (edited !== undefined)
    return { hashes: before, earlier: before.length - append.length - notices.length, ...broken };
  return { hashes: [...before, ...append], earlier: before.length, ...broken };
}

async function givenTo(
  conversation: Conversation,
  id: string,
  record: ModelRecord,
): Promise<{ entries: { hash: string; message: Message }[]; earlier: number }> {
  const { hashes, earlier, broken } = await givenHashes(conversation, id, record);
  if (broken) throw broken;
  const messages = await conversation.messages(hashes);
  return { entries: messages.map((message, at) => ({ hash: hashes[at] ?? '', message })), earlier };
}

/** What a summary stands for, as it was read to be summed up. */
export async function summedUpHashes(
  conversation: Conversation,
  id: string,
  { result }: CompactionRecord,
): Promise<string[]> {
  const [summary] = await conversation.messages([result.message.hash]);
  const covers = summary?.role === 'user' ? summary.covers : undefined;
  if (!covers) return [];
  const { links, broken } = await conversation.reach(covers.head, earlierChainName(id, covers.head));
  if (broken) throw broken;
  return links.slice(covers.from, covers.to).map(({ hash }) => hash);
}

async function manifestOf(store: ContentStore, release: string): Promise<ReleaseManifest> {
  const [bytes] = await store.get([release]);
  return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

function withCap(request: ModelRequest, { request: sent }: ModelRecord | CompactionRecord): ModelRequest {
  const cap = sent?.maxOutputTokens;
  return cap === undefined ? request : { ...request, parameters: { ...request.parameters, maxOutputTokens: cap } };
}

async function wired(request: ModelRequest, route: string, form: WireForm): Promise<Omit<RebuiltRequest, 'isSame'>> {
  const adapter = WIRE_FORMS[form];
  const body = await wireBody(adapter, request);
  const bytes = Buffer.from(body, 'utf8');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { route, form, path: adapter.path, body, sha256, bytes: bytes.length };
}

function judged(
  rebuilt: Omit<RebuiltRequest, 'isSame'>,
  record: ModelRecord | CompactionRecord,
  isOther: boolean,
): RebuiltRequest {
  if (isOther) return { ...rebuilt, isSame: null, note: 'it did not answer, and no hash of what it was sent is kept.' };
  const sent = record.request?.sha256;
  const isSame = sent === undefined ? null : sent === rebuilt.sha256;
  const origin = record.kind === 'model' ? record.origin : undefined;
  if (origin)
    return {
      ...rebuilt,
      isSame,
      note: `nothing was sent: the answer is that of run ${origin.run}, which asked ${isSame ? 'exactly this' : 'nearly the same'}.`,
    };
  return isSame === false ? { ...rebuilt, isSame, note: DIFFERS } : { ...rebuilt, isSame };
}

const DIFFERS =
  'the same content, but not the same bytes as were sent: this version writes requests otherwise than the one that sent it.';

const providerOf = (route: string): string => route.slice(0, route.indexOf('/'));
const modelOf = (route: string): string => route.slice(route.indexOf('/') + 1);
