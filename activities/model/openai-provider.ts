// One provider for every server that speaks an OpenAI API: the package carries bytes, the adapters translate.
import { createHash } from 'node:crypto';
import OpenAI from 'openai';
import type { FileRef } from '../../workflows/contract/message';
import { failure } from '../failure';
import { capabilitiesOf } from './capabilities';
import { chatAdapter } from './chat-adapter';
import { classifyModelError, type ErrorContext } from './classify-error';
import { withReadableError } from './error-body';
import { isPreface } from './is-preface';
import { patientFetch } from './patient-fetch';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from './provider';
import { toldLimits } from './told-limits';
import { responsesAdapter } from './responses-adapter';
import type { AnswerReader, DataUrl } from './wire-adapter';

export interface OpenAiProviderOptions {
  /** As model names begin: `name/model`. */
  name: string;
  /** Absent for a server without keys: then no Authorization header is sent. */
  apiKey?: string;
  /** Default: OpenAI's own, `https://api.openai.com/v1`. */
  baseUrl?: string;
  /** `responses` for OpenAI itself, whose reasoning models lose their thoughts between tool calls otherwise; `chat` for most others. */
  api: 'responses' | 'chat';
  organization?: string;
  project?: string;
  /** Sent with every request. */
  headers?: { readonly [name: string]: string };
  /** Where the key comes from, for messages about it: an environment variable's name, a configuration entry. */
  keyFrom?: string;
  /** Default: one without a time limit of its own. Node's gives up on a stream that is silent for 300 s. */
  fetch?: typeof fetch;
}

const OPENAI_BASE_URL = 'https://api.openai.com/v1';
/** One day, the package's limit until the headers come: how long a call may take is the activity's to say, through its signal. */
const NO_TIMEOUT_MS = 86_400_000;

type RequestIdentity = ModelResponse['request'];

export function createOpenAiProvider(options: OpenAiProviderOptions): ModelProvider {
  const adapter = options.api === 'responses' ? responsesAdapter : chatAdapter;
  const send = options.fetch ?? patientFetch;
  return {
    name: options.name,
    rawItemsForm: `openai-${options.api}`,
    capabilities: capabilitiesOf(options),
    async generate(request, call) {
      const context: ErrorContext = {
        provider: options.name,
        model: request.model,
        signal: call.signal,
        ...(options.keyFrom === undefined ? {} : { keyFrom: options.keyFrom }),
        ...(options.apiKey === undefined ? {} : { secrets: [options.apiKey] }),
      };
      call.signal.throwIfAborted();
      // Outside of what is classified: a store that fails is not the provider's fault.
      const body = adapter.body(request, await loadFiles(request));
      try {
        let identity: RequestIdentity | undefined;
        const client = connect(options, async (url, init) => {
          identity = identityOf(init?.body);
          const response = await send(url, init);
          const told = toldLimits(response.status, response.headers);
          if (told) call.onLimits?.(told);
          return withReadableError(response);
        });
        // The general method, not the typed one of each API: its types are promises about the wire that no server is held to.
        const { data, request_id: requestId } = await client
          .post<AsyncIterable<unknown>>(adapter.path, { body, stream: true, signal: call.signal })
          .withResponse();
        const reader = adapter.reader(request);
        await readStream(data, reader, call);
        const answer = reader.answer();
        if (!answer || !identity) {
          throw failure('Model.InvalidResponse', `The answer of ${options.name} ended before it was complete.`);
        }
        return { ...answer, request: identity, ...(requestId ? { requestId } : {}) };
      } catch (error) {
        throw classifyModelError(error, context);
      }
    },
  };
}

/** A client a call, so that `send` belongs to that call; connections are pooled below it. Nothing is read from the environment. */
function connect(options: OpenAiProviderOptions, send: typeof fetch): OpenAI {
  return new OpenAI({
    apiKey: options.apiKey ?? 'none',
    adminAPIKey: null,
    webhookSecret: null,
    baseURL: options.baseUrl ?? OPENAI_BASE_URL,
    organization: options.organization ?? null,
    project: options.project ?? null,
    defaultHeaders: { ...options.headers, ...(options.apiKey === undefined ? { Authorization: null } : {}) },
    // Temporal's retry policy is the only retry loop.
    maxRetries: 0,
    timeout: NO_TIMEOUT_MS,
    // It would print pieces of the conversation.
    logLevel: 'off',
    fetch: send,
  });
}

/** @throws what broke the stream, unless the answer was already whole: then it was paid for, and is kept */
async function readStream(events: AsyncIterable<unknown>, reader: AnswerReader, call: ModelCall): Promise<void> {
  try {
    for await (const event of events) {
      const text = reader.read(event);
      call.onDelta?.(text ? { text } : { isPreface: isPreface(event) });
    }
  } catch (error) {
    if (call.signal.aborted || !reader.answer()) throw error;
  }
  // The package ends an aborted stream as if it were complete.
  call.signal.throwIfAborted();
}

/** Of the bytes as they go out, not of a second serialisation, which could differ. */
function identityOf(body: unknown): RequestIdentity {
  if (typeof body !== 'string') throw new TypeError('The body of a model request is text.');
  const bytes = Buffer.from(body, 'utf8');
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

async function loadFiles(request: ModelRequest): Promise<DataUrl> {
  const refs = new Map<string, FileRef>();
  for (const message of request.messages) {
    for (const part of message.parts) if ('file' in part) refs.set(part.file.sha256, part.file);
  }
  const loaded = new Map<string, string>();
  await Promise.all(
    [...refs.keys()].map(async (sha256) => {
      const bytes = await request.loadFile(sha256);
      loaded.set(sha256, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'));
    }),
  );
  return (file) => `data:${file.mediaType};base64,${loaded.get(file.sha256) ?? ''}`;
}
