import type { ScriptRole } from '../script';

export type Api = 'responses' | 'chat' | 'messages';

export interface RequestedCall {
  /** The provider's id, which ties a tool's result to its call. */
  readonly id: string;
  readonly name: string;
  /** As written, not parsed. */
  readonly arguments: string;
}

/** One message, the same for all APIs. Adjacent assistant items of the Responses API are one message. */
export interface RequestMessage {
  /** `developer` messages and Responses `instructions` are `system`. */
  readonly role: ScriptRole;
  /** All text parts joined. Images and files are only in {@link ModelRequest.body}. */
  readonly text: string;
  readonly calls: readonly RequestedCall[];
  /** Of a `tool` message: the call it answers. */
  readonly callId?: string | undefined;
}

/** A request for an answer, as `respond` functions and fault conditions see it. */
export interface ModelRequest {
  /** Number of the request among all that the server received, from 1. */
  readonly nth: number;
  readonly api: Api;
  /** `/v1/responses`, `/v1/chat/completions` or `/v1/messages`. */
  readonly path: string;
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly RequestMessage[];
  /** Assistant messages the conversation already holds. */
  readonly assistantTurns: number;
  readonly toolNames: readonly string[];
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body, unchanged. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Responses only: the whole input, with what `previous_response_id` stands for in front. */
  readonly items: readonly unknown[];
}
