// What differs between the two OpenAI APIs. An adapter is pure: files are loaded before it, bytes are sent and received around it.
import type { AssistantMessage, FileRef, ToolCallPart, Usage } from '../../workflows/contract/message';
import { isJsonObject, type JsonObject } from './json';
import type { ModelRequest, ModelResponse } from './provider';

/** The file as a `data:` URL. Its bytes are in memory: every file of the request was loaded before. */
export type DataUrl = (file: FileRef) => string;

export type ParsedAnswer = Omit<ModelResponse, 'request' | 'requestId'>;

/** Takes the events of one stream, in order. */
export interface AnswerReader {
  /** @returns the piece of text that the event adds, for progress. @throws what the event reports as an error */
  read(event: unknown): string | undefined;
  /** The answer, or undefined while the event that completes it has not come. */
  answer(): ParsedAnswer | undefined;
}

export interface WireAdapter {
  /** Below the base URL. */
  readonly path: string;
  body(request: ModelRequest, dataUrl: DataUrl): JsonObject;
  reader(request: ModelRequest): AnswerReader;
}

/**
 * The id of a call that is sent to a provider which did not make it: the position of its message and its number there, so that the
 * same conversation is always the same bytes and a provider's prompt cache holds.
 */
export function derivedCallId(position: number, call: number): string {
  return `call_${position}_${call}`;
}

export function argumentsText(part: ToolCallPart): string {
  const { unparsed } = part.arguments;
  return part.malformed && typeof unparsed === 'string' ? unparsed : JSON.stringify(part.arguments);
}

export function toolCallPart(call: number, name: string, text: string): ToolCallPart {
  // Several servers write no arguments as no text.
  if (text.trim() === '') return { type: 'tool-call', call, name, arguments: {} };
  try {
    const parsed: unknown = JSON.parse(text);
    if (isJsonObject(parsed)) return { type: 'tool-call', call, name, arguments: parsed };
  } catch {
    // What is not JSON is kept as it was written: the model is told so, and sees its own words again.
  }
  return { type: 'tool-call', call, name, arguments: { unparsed: text }, malformed: true };
}

export function hasToolCalls(message: AssistantMessage): boolean {
  return message.parts.some((part) => part.type === 'tool-call');
}

export function usageOf(counts: { [Count in keyof Usage]: number | undefined }): Usage {
  const reasoning = counts.reasoning ?? 0;
  const cachedInput = counts.cachedInput ?? 0;
  // Some servers count cached or reasoning tokens beside the total instead of inside it.
  return {
    input: Math.max(counts.input ?? 0, cachedInput),
    cachedInput,
    output: Math.max(counts.output ?? 0, reasoning),
    reasoning,
  };
}

/** The parameters that only change their name, and those passed on by name. */
export function renamedParameters(parameters: JsonObject, names: { [canonical: string]: string }): JsonObject {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [names[name] ?? name, value]));
}
