// One provider for every API that is spoken over HTTP with server-sent events: the `openai` package carries bytes, the adapters translate.
import { createHash } from 'node:crypto';
import OpenAI, { type ClientOptions } from 'openai';
import type { FileRef } from '../../workflows/contract/message';
import { failure } from '../failure';
import { answerForm, notItsApi } from './answer-form';
import { capabilitiesOf, type ModelApi } from './capabilities';
import { classifyModelError, type ErrorContext } from './classify-error';
import { withReadableError } from './error-body';
import { isPreface } from './is-preface';
import { patientFetch } from './patient-fetch';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from './provider';
import { toldLimits } from './told-limits';
import type { AnswerReader, DataUrl, WireAdapter } from './wire-adapter';

export interface ProviderOptions {
  /** As model names begin: `name/model`. */
  name: string;
  /** Absent for a server without keys: then none is sent. */
  apiKey?: string;
  /** Default: the API's own server. */
  baseUrl?: string;
  /** Where the key comes from, for messages about it: an environment variable's name, a configuration entry. */
  keyFrom?: string;
  /** Sent with every request. */
  headers?: { readonly [name: string]: string };
  /** Default: one without a time limit of its own. Node's gives up on a stream that is silent for 300 s. */
  fetch?: typeof fetch;
}

export interface Wire {
  api: ModelApi;
  adapter: WireAdapter;
  rawItemsForm: string;
  baseUrl: string;
  /** How it names itself to the server. Nothing is read from the environment. */
  client: Pick<ClientOptions, 'apiKey' | 'organization' | 'project' | 'defaultHeaders'>;
  /** In which header its server names the request. */
  requestIdHeader: string;
}

/** One day, the package's limit until the headers come: how long a call may take is the activity's to say, through its signal. */
const NO_TIMEOUT_MS = 86_400_000;

type RequestIdentity = ModelResponse['request'];

export function createWireProvider(options: ProviderOptions, wire: Wire): ModelProvider {
  const { adapter } = wire;
  const send = options.fetch ?? patientFetch;
  return {
    name: options.name,
    rawItemsForm: wire.rawItemsForm,
    ...serverOf(wire.baseUrl),
    capabilities: capabilitiesOf({ name: options.name, api: wire.api, baseUrl: options.baseUrl }),
    async generate(request, call) {
      const context: ErrorContext = {
        provider: options.name,
        model: request.model,
        signal: call.signal,
        ...(options.keyFrom === undefined ? {} : { keyFrom: options.keyFrom }),
        secrets: secretsOf(options),
      };
      call.signal.throwIfAborted();
      // Outside of what is classified: a store that fails is not the provider's fault.
      const body = adapter.body(request, await loadFiles(request));
      try {
        let identity: RequestIdentity | undefined;
        const client = connect(wire, async (url, init) => {
          identity = identityOf(init?.body);
          const response = await send(url, init);
          const told = toldLimits(response.status, response.headers);
          if (told) call.onLimits?.(told);
          return withReadableError(response);
        });
        // The general method, not the typed one of each API: its types are promises about the wire that no server is held to.
        const { data, response } = await client
          .post<AsyncIterable<unknown>>(adapter.path, { body, stream: true, signal: call.signal })
          .withResponse();
        const form = answerForm(response.headers.get('content-type'));
        if (form === 'page') {
          void response.body?.cancel().catch(() => undefined);
          throw notItsApi(options.name, response);
        }
        const reader = adapter.reader(request);
        const events = await readStream(data, reader, call);
        if (form === 'unknown' && events === 0) throw notItsApi(options.name, response);
        const answer = reader.answer();
        if (!answer || !identity) {
          throw failure('Model.InvalidResponse', `The answer of ${options.name} ended before it was complete.`);
        }
        const requestId = response.headers.get(wire.requestIdHeader);
        return { ...answer, request: identity, ...(requestId ? { requestId } : {}) };
      } catch (error) {
        throw classifyModelError(error, context);
      }
    },
  };
}

/** What is no address fails with the first request, and says so then. */
function serverOf(baseUrl: string): Pick<ModelProvider, 'server'> {
  if (!URL.canParse(baseUrl)) return {};
  const { hostname, port, protocol } = new URL(baseUrl);
  const usual = protocol === 'http:' ? 80 : 443;
  return { server: { address: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) } };
}

/** Names of headers whose value nobody is to read. */
const SECRET_HEADER = /auth|cookie|key|passw|secret|token/i;

/** Whatever of it a provider may repeat: of `Bearer abc` also what stands behind the scheme. */
function secretsOf({ apiKey, headers = {} }: ProviderOptions): string[] {
  const values = Object.entries(headers).flatMap(([name, value]) => (SECRET_HEADER.test(name) ? [value] : []));
  return [
    ...(apiKey === undefined ? [] : [apiKey]),
    ...values,
    ...values.flatMap((value) => value.split(' ').slice(1)),
  ];
}

/** A client a call, so that `send` belongs to that call; connections are pooled below it. */
function connect({ baseUrl, client }: Wire, send: typeof fetch): OpenAI {
  return new OpenAI({
    adminAPIKey: null,
    webhookSecret: null,
    baseURL: baseUrl,
    organization: null,
    project: null,
    ...client,
    // Temporal's retry policy is the only retry loop.
    maxRetries: 0,
    timeout: NO_TIMEOUT_MS,
    // It would print pieces of the conversation.
    logLevel: 'off',
    fetch: send,
  });
}

/**
 * @returns how many events came
 * @throws what broke the stream, unless the answer was already whole: then it was paid for, and is kept
 */
async function readStream(events: AsyncIterable<unknown>, reader: AnswerReader, call: ModelCall): Promise<number> {
  let came = 0;
  try {
    for await (const event of events) {
      came += 1;
      const text = reader.read(event);
      call.onDelta?.(text ? { text } : { isPreface: isPreface(event) });
    }
  } catch (error) {
    if (call.signal.aborted || !reader.answer()) throw error;
  }
  // The package ends an aborted stream as if it were complete.
  call.signal.throwIfAborted();
  return came;
}

/** Of the bytes as they go out, not of a second serialisation, which could differ. */
function identityOf(body: unknown): RequestIdentity {
  if (typeof body !== 'string') throw new TypeError('The body of a model request is text.');
  const bytes = Buffer.from(body, 'utf8');
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

/** The bytes that a provider of this form is sent. */
export const wireBody = async (adapter: WireAdapter, request: ModelRequest): Promise<string> =>
  JSON.stringify(adapter.body(request, await loadFiles(request)));

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
