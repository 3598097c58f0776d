// The port that every model provider implements: canonical messages in, one canonical answer out. Adapters translate; they do not decide.
import type { EndpointCapabilities } from './capabilities';
import type { JsonValue, Message, AssistantMessage, Usage } from '../../workflows/contract/message';
import type { ToldByProvider } from '../../workflows/contract/quota';

export interface ToolSpec {
  name: string;
  description: string;
  /** JSON Schema of the arguments. */
  input: { [key: string]: JsonValue };
}

export interface ModelRequest {
  /** Without the provider's name. */
  model: string;
  instructions: string;
  messages: readonly Message[];
  tools: readonly ToolSpec[];
  /** The answer must be JSON of this schema. */
  output?: { name: string; schema: { [key: string]: JsonValue } };
  /** `temperature`, `maxOutputTokens`, `reasoningEffort`, and what else the provider's own API takes, passed on by name. */
  parameters: { [key: string]: JsonValue };
  /** Raw provider items of earlier answers of this conversation, by position of the message, where this provider made them. */
  rawItems: ReadonlyMap<number, JsonValue>;
  /** Bytes of a file named in the messages. */
  loadFile(sha256: string): Promise<Uint8Array>;
}

export interface Delta {
  text?: string;
  /** The provider has taken the request, and its model has said nothing yet. */
  isPreface?: boolean;
}

export interface ModelCall {
  /** Aborted on cancellation: the provider's socket must close. */
  signal: AbortSignal;
  /** Called for each piece of the stream, for heartbeats and progress. */
  onDelta?(delta: Delta): void;
  /** Called with what the head of the answer says of the provider's own limits, where it says anything. */
  onLimits?(told: ToldByProvider): void;
}

export type FinishReason = 'stop' | 'tool-calls' | 'length' | 'content-filter' | 'refusal';

export interface ModelResponse {
  message: AssistantMessage;
  finish: FinishReason;
  usage: Usage;
  /** Input or output, or both, were not told, or told as what cannot be: they are 0 in `usage`. */
  isUsageMissing?: true;
  /** The model that answered, as the provider names it. */
  model: string;
  /** Kept in the call record, and sent back by `rawItems` when the provider wants its own items again. */
  raw: JsonValue;
  /** SHA-256 and size of the exact request body, and the cap of the answer where it is another than the release's own. */
  request: { sha256: string; bytes: number; maxOutputTokens?: number };
  /** The provider's id of the request, for its support desk. */
  requestId?: string;
  /** The provider's id of the answer, where it gives it one. */
  responseId?: string;
}

export interface ModelProvider {
  readonly name: string;
  /** Names the form of its raw items, where it wants its own back: items of another form or provider are never sent to it. */
  readonly rawItemsForm?: string;
  /** Where its server is, and that answers come from it in a stream; absent where there is none. */
  readonly server?: { readonly address: string; readonly port: number };
  /** What its server can; absent where nothing is known of it. */
  readonly capabilities?: EndpointCapabilities;
  /** @throws ApplicationFailure with a `Model.*` type */
  generate(request: ModelRequest, call: ModelCall): Promise<ModelResponse>;
}
