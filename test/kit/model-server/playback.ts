import { readFileSync } from 'node:fs';
import type { ScriptTurn } from '../script';
import { isRecord, listOf, parsedOrText, sortedJson, textOf } from './json';
import type { ModelRequest, RequestMessage } from './model-request';
import { readChatMessages } from './read-messages';
import type { Respond } from './responder';
import { invalidRequest } from './wire-error';

/** One recorded conversation, without its system message. */
export interface Recording {
  /** Names it in errors, for example `task 3, trial 1`. */
  readonly label: string;
  /** The messages as recorded, in the OpenAI chat format. */
  readonly messages: readonly unknown[];
}

export interface PlaybackOptions {
  /**
   * Applied to recorded and requested messages alike before they are compared: for clients that wrap what they send.
   * Default: as they are.
   */
  readonly normalise?: ((message: RequestMessage) => RequestMessage) | undefined;
}

/**
 * Reads recordings from a JSON Lines file: one `{ messages, ... }` a line, labelled by its `task` and `trial` or its
 * line. Throws an error that names the line.
 */
export function loadRecordings(file: string): Recording[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    const read = parsedOrText(line);
    if (!isRecord(read) || !Array.isArray(read['messages'])) {
      throw new Error(`${file}:${index + 1}: a recording is a JSON object with a list of messages.`);
    }
    const { task, trial, messages } = read;
    const label =
      task === undefined ? `line ${index + 1}` : `task ${JSON.stringify(task)}, trial ${JSON.stringify(trial ?? 0)}`;
    return [{ label, messages: listOf(messages) }];
  });
}

interface Prepared {
  readonly label: string;
  readonly messages: readonly RequestMessage[];
  readonly keys: readonly string[];
}

/**
 * Answers with what a recorded assistant said next: the request's messages, without system messages, must be the
 * beginning of a recording by role, text, tool names and arguments (as JSON values; ids do not count). Of several
 * recordings that begin alike, the first answers. A request that no recording continues gets a 400 with the code
 * `playback_no_match`, which says where the closest recording differs.
 */
export function playback(recordings: readonly Recording[], { normalise = (m) => m }: PlaybackOptions = {}): Respond {
  const prepared = recordings.map(({ label, messages }): Prepared => {
    const read = withoutSystem(readChatMessages(messages)).map(normalise);
    return { label, messages: read, keys: read.map(keyOf) };
  });
  return (request) => answerFrom(prepared, withoutSystem(request.messages).map(normalise), request);
}

function answerFrom(
  recordings: readonly Prepared[],
  asked: readonly RequestMessage[],
  request: ModelRequest,
): ScriptTurn {
  const keys = asked.map(keyOf);
  let closest: { recording: Prepared; same: number } | undefined;
  for (const recording of recordings) {
    const difference = keys.findIndex((key, index) => key !== recording.keys[index]);
    const same = difference === -1 ? keys.length : difference;
    const next = recording.messages[keys.length];
    if (same === keys.length && next?.role === 'assistant') return turnOfMessage(next);
    if (!closest || same > closest.same) closest = { recording, same };
  }
  if (!closest) throw noMatch('there are no recordings', request);
  const { recording, same } = closest;
  const recorded = describe(recording.messages[same]);
  throw noMatch(
    same === keys.length
      ? `the closest (${recording.label}) holds all ${same} messages, but goes on with ${recorded} and not with an answer`
      : `the closest (${recording.label}) differs at message ${same}: it has ${recorded}, the request has ${describe(asked[same])}`,
    request,
  );
}

function noMatch(why: string, request: ModelRequest): Error {
  return invalidRequest(
    `No recorded conversation continues this request: ${why}. Messages count from 0, without system messages.`,
    request.api === 'responses' ? 'input' : 'messages',
    'playback_no_match',
  );
}

function turnOfMessage(message: RequestMessage): ScriptTurn {
  const calls = message.calls.map((call) => ({ name: call.name, args: call.arguments }));
  return {
    ...(message.text !== '' ? { text: message.text } : {}),
    ...(calls.length > 0 ? { calls } : {}),
  };
}

function withoutSystem(messages: readonly RequestMessage[]): RequestMessage[] {
  return messages.filter((message) => message.role !== 'system');
}

function keyOf({ role, text, calls }: RequestMessage): string {
  return JSON.stringify([
    role,
    role === 'tool' ? valueKey(text) : text.trim(),
    calls.map((call) => [call.name, valueKey(call.arguments)]),
  ]);
}

/** JSON by value, and text inside a JSON string as that text: clients re-encode what tools return. */
function valueKey(text: string): string {
  const value = parsedOrText(text);
  if (typeof value !== 'string') return sortedJson(value);
  const inner = parsedOrText(value);
  return typeof inner === 'string' ? inner.trim() : sortedJson(inner);
}

const SHOWN_CHARS = 120;

function describe(message: RequestMessage | undefined): string {
  if (!message) return 'nothing more';
  const calls = message.calls.map((call) => `${call.name}(${call.arguments})`).join(', ');
  const said = [textOf(message.text), calls].filter(Boolean).join(' and ');
  const shown = said.length > SHOWN_CHARS ? `${said.slice(0, SHOWN_CHARS)}…` : said;
  return `${message.role} ${JSON.stringify(shown)}`;
}
