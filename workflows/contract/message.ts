// The canonical message. Its canonical JSON is hashed and that hash names it for ever, so this shape is only ever added to:
// an optional field that old messages lack, a part type that old readers meet as unknown. It holds nothing that would make two
// identical runs differ: no provider ids, times or usage. Those belong to the call record.

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Bytes kept in the store, named by their SHA-256 (64 lower-case hex digits). */
export interface FileRef {
  sha256: string;
  /** As in MIME, for example `image/png`. */
  mediaType: string;
  /** Size in bytes. */
  bytes: number;
  /** A file name for people and models; never a path. */
  name?: string;
}

export interface TextPart {
  type: 'text';
  text: string;
}
export interface ImagePart {
  type: 'image';
  file: FileRef;
}
export interface FilePart {
  type: 'file';
  file: FileRef;
}
/** What the provider shows of the model's reasoning; its encrypted form is a raw provider item and stays in the call record. */
export interface ReasoningPart {
  type: 'reasoning';
  text: string;
}
/** Tool calls are numbered by their position in the answer, from 0: a provider's call id would make equal answers differ. */
export interface ToolCallPart {
  type: 'tool-call';
  call: number;
  name: string;
  /** The parsed arguments, or the text as the model wrote it where that is not a JSON object. */
  arguments: { [key: string]: JsonValue } | { unparsed: string };
  /** True when `arguments` holds `unparsed` text. Absent otherwise. */
  malformed?: true;
}

export type InputPart = TextPart | ImagePart | FilePart;

/** What a summary stands for: the entries [from, to) of the stored conversation `head`. */
export interface CoveredRange {
  head: string;
  from: number;
  to: number;
  /** Original messages among them: an earlier summary counts as all that it stands for. */
  messages: number;
}

export interface UserMessage {
  role: 'user';
  parts: InputPart[];
  /** Absent when a person or a program asked; `runtime` when Longhaul answered an unusable answer, summed up a range, or said that a limit or a loop is near. */
  from?: 'runtime';
  /** Never taken into a summary. The first message of a run never is, with or without it. */
  pinned?: true;
  /** Set on a summary alone, whose text stands in one text part. */
  covers?: CoveredRange;
}
export interface AssistantMessage {
  role: 'assistant';
  parts: (TextPart | ReasoningPart | ToolCallPart)[];
  /** Set when the model declined; the text part holds its words. */
  refused?: true;
}
/** The result of one tool call of the assistant message before it. */
export interface ToolMessage {
  role: 'tool';
  call: number;
  name: string;
  outcome: 'ok' | 'error';
  parts: InputPart[];
  /** Hash of the message that stood here; then the one part is a placeholder that says how to read it again. */
  original?: string;
}
export type Message = UserMessage | AssistantMessage | ToolMessage;
export type Role = Message['role'];

/** One link of a conversation: its SHA-256 names the whole conversation up to and including `message`. */
export interface ChainNode {
  parent: string | null;
  message: string;
}

/** What a history holds of a message. */
export interface MessageHead {
  hash: string;
  role: Role;
  /** At most PREVIEW_CHARS characters. */
  preview: string;
}

/** Tokens of one call or of many. `input` includes `cachedInput` and `cacheWrite`; `output` includes `reasoning`. */
export interface Usage {
  input: number;
  cachedInput: number;
  /** Written to the provider's cache, at a price of its own. Absent where the provider does not tell it, or it is none. */
  cacheWrite?: number;
  output: number;
  reasoning: number;
  /** Of `cacheWrite`, what is kept for an hour instead of minutes, where the provider says so. */
  cacheWriteHour?: number;
  /** The provider did not tell, or told what cannot be: counted here instead. */
  estimated?: true;
}
