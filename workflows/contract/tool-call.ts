// One tool call as a run passes it on: what was asked, what came of it, and where a turn's calls stand.
import type { ApprovalNeed } from './approval';
import type { FailureType } from './failures';
import type { MessageHead } from './message';

export interface ToolCallHead {
  name: string;
  /** Of the arguments; at most PREVIEW_CHARS characters. */
  preview: string;
  /** Set where a person must agree first. */
  approval?: ApprovalNeed;
}

export interface CallToolResult {
  message: MessageHead;
  /** Set when the model is told about a failure. */
  failure?: FailureType;
  reused?: true;
}

/** The tool has begun work that goes on elsewhere, and is asked again for its outcome: the workflow sleeps until then. */
export interface ToolWait {
  kind: 'wait';
  /** Milliseconds since the epoch. */
  waitUntil: number;
  reason: string;
}

/** The tool calls of one turn, of which some are done: what is left is made by whichever execution goes on with it. */
export interface ToolTurn {
  /** Hash of the assistant message that asks for them. */
  message: string;
  calls: ToolCallHead[];
  /** In the order of `calls`. A missing one has not begun; one that waits is asked again. */
  results: (CallToolResult | 'waiting' | null)[];
}
