// A model that says what its script says, in process. It sits where a provider's adapter sits, so all that an answer goes through in
// production (judging, storing, repair turns) is real.
import { durationMs, type Duration } from '../../activities/define/duration';
import { failure } from '../../activities/failure';
import { ModelWaitError } from '../../activities/model/model-wait-error';
import type {
  FinishReason,
  ModelCall,
  ModelProvider,
  ModelRequest,
  ModelResponse,
} from '../../activities/model/provider';
import { toolCallPart } from '../../activities/model/wire-adapter';
import { canonicalJson, objectHash } from '../../activities/store/canonical-json';
import { encodeMessage } from '../../activities/store/message-codec';
import { previewOf } from '../../activities/store/preview';
import type { FailureType } from '../../workflows/contract/failures';
import type { AssistantMessage, Message, Usage } from '../../workflows/contract/message';
import { BYTES_PER_TOKEN, estimateTokens } from './model-server/token-usage';
import { argumentsText, ScriptExhaustedError, type Script, type ScriptTurn } from './script';
import { TestSetupError } from './test-setup-error';

/** What a model call comes to where it brings no answer. */
export type ModelTrouble =
  /** The attempt fails; the runtime retries it where the type allows. */
  | { fails: Extract<FailureType, `Model.${string}`>; message?: string; retryAfter?: Duration }
  /** The provider asks for more patience than a call may sit out: the run waits, and calls again. */
  | { waits: Duration; reason?: string };

/** Decides at each attempt. The request holds the whole conversation. */
export type ModelFunction<Context> = (
  request: ModelRequest,
  context: Context,
) => ScriptTurn | ModelTrouble | Promise<ScriptTurn | ModelTrouble>;

export interface ScriptedProviderOptions<Context> {
  model: Script | ModelFunction<Context>;
  /** Handed to a model that is a function. */
  context(): Context;
  /** Milliseconds since the epoch. */
  now(): number;
  onRequest?(request: ModelRequest): void;
}

export const SCRIPTED_PROVIDER = 'scripted';

export function createScriptedProvider<Context>(options: ScriptedProviderOptions<Context>): ModelProvider {
  return {
    name: SCRIPTED_PROVIDER,
    async generate(request, call) {
      call.signal.throwIfAborted();
      options.onRequest?.(request);
      const said = await beforeAbort(call, next(options, request));
      if ('fails' in said) {
        throw failure(said.fails, said.message ?? `scripted: ${said.fails}.`, {
          ...(said.retryAfter === undefined ? {} : { retryAfterMs: durationMs(said.retryAfter, 'retryAfter') }),
        });
      }
      if ('waits' in said) {
        throw new ModelWaitError(options.now() + durationMs(said.waits, 'waits'), said.reason ?? 'scripted wait');
      }
      return respond(request, said);
    },
  };
}

async function next<Context>(
  { model, context }: ScriptedProviderOptions<Context>,
  request: ModelRequest,
): Promise<ScriptTurn | ModelTrouble> {
  if (typeof model === 'function') return await model(request, context());
  try {
    return model.turnFor(request.messages.map(({ role }) => role));
  } catch (error) {
    if (!(error instanceof ScriptExhaustedError)) throw error;
    throw new TestSetupError(`${error.message} It was asked: ${asked(request.messages)}`, { cause: error });
  }
}

/** A scripted answer may never come; a cancelled call ends all the same, as a closed socket ends it. */
async function beforeAbort<T>({ signal }: ModelCall, work: Promise<T>): Promise<T> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('cancelled'));
    signal.addEventListener('abort', stop, { once: true });
    // A model that is a function may have cancelled the run before it answered.
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What came after the last answer: the words of a person, the runtime, or the tools. */
function asked(messages: readonly Message[]): string {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  return messages
    .slice(last + 1)
    .map((message) => {
      const from = message.role === 'tool' ? `tool ${message.name}` : message.role;
      return `${from}: ${previewOf(message)}`;
    })
    .join(' | ');
}

function respond(request: ModelRequest, turn: ScriptTurn): ModelResponse {
  if (turn.raw) {
    throw new TestSetupError('raw() needs a wire: only the model server can send exact bytes.');
  }
  const message = messageOf(turn);
  const identity = identityOf(request);
  return {
    message,
    finish: finishOf(turn),
    usage: usageOf(turn, identity.bytes, message),
    model: request.model,
    raw: { role: 'assistant', content: turn.text ?? null },
    request: identity,
  };
}

/** Each message is hashed once, however often it is sent: a long run would spend its time here. */
const KNOWN = new WeakMap<Message, { hash: string; bytes: number }>();

function hashed(message: Message): { hash: string; bytes: number } {
  const known = KNOWN.get(message);
  if (known) return known;
  const bytes = encodeMessage(message);
  const made = { hash: objectHash(bytes), bytes: bytes.length };
  KNOWN.set(message, made);
  return made;
}

/** There is no wire, so a request is named by what would go onto one. */
function identityOf({ model, instructions, messages, tools, output, parameters }: ModelRequest): {
  sha256: string;
  bytes: number;
} {
  const sent = messages.map(hashed);
  const rest = canonicalJson({ model, instructions, tools, output, parameters });
  const names = new TextEncoder().encode(sent.map(({ hash }) => hash).join());
  return {
    sha256: objectHash(Buffer.concat([rest, names])),
    bytes: sent.reduce((sum, { bytes }) => sum + bytes, rest.length),
  };
}

function messageOf({ text, calls = [], refusal, reasoning }: ScriptTurn): AssistantMessage {
  const said = [text, refusal].flatMap((one) => (one ? [{ type: 'text' as const, text: one }] : []));
  return {
    role: 'assistant',
    parts: [
      ...(reasoning ? [{ type: 'reasoning' as const, text: reasoning.summary }] : []),
      ...said,
      ...calls.map((call, position) => toolCallPart(position, call.name, argumentsText(call))),
    ],
    ...(refusal === undefined ? {} : { refused: true as const }),
  };
}

function finishOf({ cut, refusal, calls = [] }: ScriptTurn): FinishReason {
  if (cut === 'length') return 'length';
  if (cut === 'content_filter') return 'content-filter';
  if (refusal !== undefined) return 'refusal';
  return calls.length > 0 ? 'tool-calls' : 'stop';
}

function usageOf({ usage = {}, reasoning }: ScriptTurn, requestBytes: number, message: AssistantMessage): Usage {
  const thought = usage.reasoning ?? (reasoning ? (reasoning.tokens ?? estimateTokens(reasoning.summary)) : 0);
  const said = message.parts.map((part) => (part.type === 'tool-call' ? JSON.stringify(part.arguments) : part.text));
  return {
    input: usage.input ?? Math.ceil(requestBytes / BYTES_PER_TOKEN),
    cachedInput: usage.cached ?? 0,
    output: usage.output ?? estimateTokens(said.join('')) + thought,
    reasoning: thought,
  };
}
