// A conversation with its tokens: what the plans are made from.
import type { ContextPlan } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';
import type { ToolManifest } from '../../workflows/contract/release';
import { textBound, tokenBound, type TokenCounter } from './count-tokens';
import { needsCounting } from './triggers';

/** One message of a conversation, as the model reads it. */
export interface ContextEntry {
  message: Message;
  /** Of the message. */
  hash: string;
  tokens: number;
  /** Of these, those that are no count whatever the vocabulary: of images, files and reasoning. */
  estimated?: number;
}

export interface Measured {
  entries: ContextEntry[];
  /** Tokens of everything beside the messages. */
  overhead: number;
  /** Tokens that come with the first edit. */
  joins?: number;
}

/** What stands in a request beside its messages. */
export interface RequestFrame {
  instructions: string;
  tools: readonly ToolManifest[];
  /** JSON Schema of the output. */
  output?: unknown;
  /** The tool that joins with the first edit. */
  joins?: ToolManifest;
}

interface Measure {
  plan: ContextPlan;
  frame: RequestFrame;
  counter: TokenCounter;
}

/**
 * @returns undefined where the bytes alone show that nothing is to be decided: then no vocabulary is loaded
 */
export function measure(
  entries: readonly { message: Message; hash: string }[],
  { plan, frame, counter }: Measure,
): Measured | undefined {
  const bound = entries.reduce((sum, { message }) => sum + tokenBound(message), overheadOf(frame, textBound));
  if (!needsCounting(plan, { tokens: bound, messages: entries.length })) return undefined;
  return measureAll(entries, { frame, counter });
}

/** Whether or not anything is to be decided. */
export function measureAll(
  entries: readonly { message: Message; hash: string }[],
  { frame, counter }: Omit<Measure, 'plan'>,
): Measured {
  const ofText = (text: string): number => counter.countAgain(text);
  return {
    entries: entries.map(({ message, hash }) => entryOf(message, hash, counter)),
    overhead: overheadOf(frame, ofText),
    ...(frame.joins ? { joins: toolTokens(frame.joins, ofText) } : {}),
  };
}

export function entryOf(message: Message, hash: string, counter: TokenCounter): ContextEntry {
  const estimated = counter.countEstimated(message);
  return { message, hash, tokens: counter.count(message), ...(estimated === 0 ? {} : { estimated }) };
}

/** Framing of the instructions and of the answer to come, three tokens each and the role: as OpenAI's cookbook counts them. */
const FRAME_TOKENS = 7;
/** Around each tool: providers rewrite definitions in forms of their own, most of them shorter than the JSON. */
const TOOL_TOKENS = 8;

function overheadOf({ instructions, tools, output }: RequestFrame, ofText: (text: string) => number): number {
  const definitions = tools.reduce((sum, tool) => sum + toolTokens(tool, ofText), 0);
  return FRAME_TOKENS + ofText(instructions) + definitions + (output === undefined ? 0 : ofText(json(output)));
}

const toolTokens = ({ name, description, input }: ToolManifest, ofText: (text: string) => number): number =>
  ofText(name) + ofText(description) + ofText(json(input)) + TOOL_TOKENS;

const json = (value: unknown): string => JSON.stringify(value);
