// What the demo model needs of a conversation: the newest question, and the tool calls made for it with their results.
import type { JsonValue, Message, UserMessage } from '../../../workflows/contract/message';

export interface JsonObject {
  [key: string]: JsonValue;
}

export interface DoneCall {
  name: string;
  arguments: JsonObject;
  ok: boolean;
  /** What the tool answered; text that is not JSON stays text. */
  output: JsonValue;
}

export interface Conversation {
  question: string;
  /** The input by name, where it is an object. */
  fields: JsonObject;
  /** Calls of the answers since the question, in order; one list per answer. */
  turns: DoneCall[][];
}

/** Where an input of several fields keeps what is asked, most telling name first. */
const QUESTION_FIELDS = ['question', 'query', 'prompt', 'task', 'request', 'message', 'text', 'input'];

export function readConversation(messages: readonly Message[]): Conversation {
  // What the runtime says about an unusable answer is no question.
  const asked = messages.findLastIndex((message) => message.role === 'user' && message.from === undefined);
  const question = messages[asked];
  const text = question?.role === 'user' ? textOf(question) : '';
  const fields = objectIn(text);
  return {
    question: fields ? questionIn(fields) : text,
    fields: fields ?? {},
    turns: turnsIn(messages.slice(asked + 1)),
  };
}

const textOf = (message: Pick<UserMessage, 'parts'>): string =>
  message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');

function questionIn(fields: JsonObject): string {
  const named = QUESTION_FIELDS.map((name) => fields[name]).find((value) => typeof value === 'string');
  if (typeof named === 'string') return named;
  return Object.values(fields)
    .filter((value) => typeof value === 'string')
    .join(' ');
}

function turnsIn(messages: readonly Message[]): DoneCall[][] {
  const turns: DoneCall[][] = [];
  messages.forEach((message, at) => {
    if (message.role !== 'assistant') return;
    const calls = message.parts.filter((part) => part.type === 'tool-call');
    if (calls.length === 0) return;
    const following = messages.slice(at + 1);
    const next = following.findIndex((later) => later.role === 'assistant');
    const results = (next === -1 ? following : following.slice(0, next)).filter((later) => later.role === 'tool');
    turns.push(
      calls.map((call) => {
        const result = results.find((candidate) => candidate.call === call.call);
        return {
          name: call.name,
          arguments: isObject(call.arguments) && call.malformed === undefined ? call.arguments : {},
          ok: result?.outcome === 'ok',
          output: result ? parsed(textOf(result)) : null,
        };
      }),
    );
  });
  return turns;
}

function parsed(text: string): JsonValue {
  try {
    // What JSON.parse answers is a JsonValue by definition.
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

function objectIn(text: string): JsonObject | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  const value = parsed(text);
  return isObject(value) ? value : undefined;
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
