// What differs between the APIs. An adapter is pure: files are loaded before it, bytes are sent and received around it.
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

/** Usage as it was read, and whether what was told can be relied on. */
export type ReadUsage = Pick<ModelResponse, 'usage' | 'isUsageMissing'>;

/** A hundred times the largest window there is: beyond it a number is a mistake, and would end every budget. */
const TOKENS_MOST = 100_000_000;

/** Counts of another form, or out of reason, are none. Without input or output nothing is known of it, and it is 0 here. */
export function usageOf(counts: { [Count in keyof Omit<Usage, 'estimated'>]: number | undefined }): ReadUsage {
  const sane = (count: number | undefined): number | undefined =>
    count !== undefined && count <= TOKENS_MOST ? count : undefined;
  const told = sane(counts.input);
  const cachedInput = sane(counts.cachedInput) ?? 0;
  const reasoning = sane(counts.reasoning) ?? 0;
  const cacheWrite = sane(counts.cacheWrite) ?? 0;
  const cacheWriteHour = Math.min(sane(counts.cacheWriteHour) ?? 0, cacheWrite);
  // No request is empty; and more from a cache than there was says nothing of how much there was.
  const input = told !== undefined && told >= cachedInput + cacheWrite ? told : 0;
  const output = sane(counts.output);
  const isMissing = input === 0 || output === undefined;
  return {
    usage: {
      input,
      cachedInput: Math.min(cachedInput, input),
      // Some servers count reasoning tokens beside the total instead of inside it.
      output: Math.max(output ?? 0, reasoning),
      reasoning,
      ...(cacheWrite > 0 && input > 0 ? { cacheWrite } : {}),
      ...(cacheWriteHour > 0 && input > 0 ? { cacheWriteHour } : {}),
    },
    ...(isMissing ? { isUsageMissing: true } : {}),
  };
}

/** The parameters that only change their name, and those passed on by name. */
export function renamedParameters(parameters: JsonObject, names: { [canonical: string]: string }): JsonObject {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [names[name] ?? name, value]));
}
