// What changed between the requests of two model calls, as data: for the command line, the API and pages. Whole messages, never cut.
import { diffArrays } from 'diff';
import { askedModel, type AskedModel, type RunOfCall } from '../activities/rebuild/rebuild-request';
import type { ContentStore } from '../activities/store';
import type { RunCall } from '../activities/store/run-calls';
import type { JsonValue, Message } from '../workflows/contract/message';
import { ClientError } from './errors';

export interface MessageChange {
  change: 'added' | 'removed' | 'edited';
  /** Position in the request that it is compared with, from 1; null of one that was added. */
  before: number | null;
  /** Position in the request that is looked at, from 1; null of one that was removed. */
  after: number | null;
  was?: Message;
  is?: Message;
}

/** From one request to another. What is null, or empty, did not change. */
export interface RequestChanges {
  /** As `provider/model`. */
  model: { was: string; is: string } | null;
  instructions: { was: string; is: string } | null;
  parameters: { name: string; was?: JsonValue; is?: JsonValue }[];
  tools: { change: 'added' | 'removed' | 'edited'; name: string }[];
  /** The schema of the answer. */
  output: 'added' | 'removed' | 'edited' | null;
  messages: MessageChange[];
  /** Messages that both have. */
  same: number;
}

/** @throws ClientError `invalid-input` where one of them is no model call, or a part of it is not stored any more */
export async function callChanges(
  store: ContentStore,
  run: RunOfCall,
  [before, after]: readonly [RunCall, RunCall],
): Promise<RequestChanges> {
  const [was, is] = await Promise.all([askedOf(store, run, before), askedOf(store, run, after)]);
  return changesBetween(was, is);
}

async function askedOf(store: ContentStore, run: RunOfCall, call: RunCall): Promise<AskedModel> {
  const asked = await askedModel(store, run, call);
  if ('why' in asked) throw new ClientError('invalid-input', `call ${call.number} cannot be compared: ${asked.why}`);
  return asked;
}

export function changesBetween(one: AskedModel, other: AskedModel): RequestChanges {
  const [was, is] = [one.request, other.request];
  const tools = changed(byName(was.tools), byName(is.tools));
  const [output] = changed({ schema: was.output?.schema }, { schema: is.output?.schema });
  return {
    model: one.route === other.route ? null : { was: one.route, is: other.route },
    instructions: was.instructions === is.instructions ? null : { was: was.instructions, is: is.instructions },
    parameters: changed(was.parameters, is.parameters).map(({ name }) => ({
      name,
      ...valueOf('was', was.parameters[name]),
      ...valueOf('is', is.parameters[name]),
    })),
    tools: tools.map(({ name, change }) => ({ change, name })),
    output: output?.change ?? null,
    ...messageChanges(was.messages, is.messages),
  };
}

const valueOf = <Name extends 'was' | 'is'>(name: Name, value: JsonValue | undefined): { [N in Name]?: JsonValue } =>
  value === undefined ? {} : ({ [name]: value } as { [N in Name]?: JsonValue });

const byName = <T extends { name: string }>(all: readonly T[]): { [name: string]: T } =>
  Object.fromEntries(all.map((one) => [one.name, one]));

function changed(
  was: { [name: string]: unknown },
  is: { [name: string]: unknown },
): { name: string; change: 'added' | 'removed' | 'edited' }[] {
  const text = (value: unknown): string | undefined => (value === undefined ? undefined : JSON.stringify(value));
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((name) => {
    const [a, b] = [text(was[name]), text(is[name])];
    if (a === b) return [];
    return [{ name, change: a === undefined ? 'added' : b === undefined ? 'removed' : 'edited' }] as const;
  });
}

function messageChanges(was: readonly Message[], is: readonly Message[]): Pick<RequestChanges, 'messages' | 'same'> {
  const texts = (messages: readonly Message[]): string[] => messages.map((message) => JSON.stringify(message));
  const parts = diffArrays(texts(was), texts(is));
  const messages: MessageChange[] = [];
  let [before, after, same] = [0, 0, 0];
  let gone: number[] = [];
  for (const { value, added, removed } of parts) {
    const count = value.length;
    if (removed) {
      gone = Array.from({ length: count }, (_, at) => before + at);
      before += count;
      messages.push(...gone.map((at) => removedAt(was, at)));
    } else if (added) {
      const come = Array.from({ length: count }, (_, at) => after + at);
      after += count;
      messages.splice(messages.length - gone.length, gone.length, ...paired({ was, is }, gone, come));
      gone = [];
    } else {
      before += count;
      after += count;
      same += count;
      gone = [];
    }
  }
  return { messages, same };
}

const removedAt = (was: readonly Message[], at: number): MessageChange => ({
  ...{ change: 'removed', before: at + 1, after: null },
  ...(was[at] ? { was: was[at] } : {}),
});

/** One in the place of another by the same speaker is that one, edited. */
function paired(
  { was, is }: { was: readonly Message[]; is: readonly Message[] },
  gone: readonly number[],
  come: readonly number[],
): MessageChange[] {
  const rest = [...gone];
  const edited = come.map((at): MessageChange => {
    const message = is[at];
    const nth = rest.findIndex((one) => message !== undefined && speakerOf(was[one]) === speakerOf(message));
    const [found, before] = nth < 0 ? [] : [rest[nth], was[rest[nth] ?? -1]];
    if (found === undefined || !before || !message)
      return { change: 'added', before: null, after: at + 1, ...(message ? { is: message } : {}) };
    rest.splice(0, nth + 1);
    return { change: 'edited', before: found + 1, after: at + 1, was: before, is: message };
  });
  const kept = new Set(edited.map(({ before }) => before));
  const removed = gone.filter((at) => !kept.has(at + 1)).map((at) => removedAt(was, at));
  return [...removed, ...edited];
}

const speakerOf = (message: Message | undefined): string | undefined =>
  message?.role === 'tool' ? `tool ${message.name}` : message?.role;
