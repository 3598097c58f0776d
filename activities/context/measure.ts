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
}

export interface Measured {
  entries: ContextEntry[];
  /** Tokens of everything beside the messages. */
  overhead: number;
}

/** What stands in a request beside its messages. */
export interface RequestFrame {
  instructions: string;
  tools: readonly ToolManifest[];
  /** JSON Schema of the output. */
  output?: unknown;
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
  return {
    entries: entries.map(({ message, hash }) => ({ message, hash, tokens: counter.count(message) })),
    overhead: overheadOf(frame, (text) => counter.countText(text)),
  };
}

/** Framing of the instructions and of the answer to come, three tokens each and the role: as OpenAI's cookbook counts them. */
const FRAME_TOKENS = 7;
/** Around each tool: providers rewrite definitions in forms of their own, most of them shorter than the JSON. */
const TOOL_TOKENS = 8;

function overheadOf({ instructions, tools, output }: RequestFrame, ofText: (text: string) => number): number {
  const definitions = tools.reduce(
    (sum, { name, description, input }) => sum + ofText(name) + ofText(description) + ofText(json(input)) + TOOL_TOKENS,
    0,
  );
  return FRAME_TOKENS + ofText(instructions) + definitions + (output === undefined ? 0 : ofText(json(output)));
}

const json = (value: unknown): string => JSON.stringify(value);
