// A tool that is one HTTP request, described instead of written: where it may go, what it sends, and how much it may read.
import { z } from 'zod';
import type { AllowPrivate } from '../http/addresses';
import { requireSuccess } from '../http/judge-status';
import { parseBody, readBody, type ParsedBody } from '../http/read-body';
import { checkSecretPlaces, fillSecrets } from '../http/secret-template';
import { sendRequest, type HttpRequest } from '../http/send-request';
import { urlTemplate, type UrlTemplate } from '../http/url-template';
import { createWalls } from '../http/walls';
import { oneOf, onlyKnownKeys } from './known-keys';
import { defineTool, ToolRejection, type NeedsValue, type Tool, type ToolContext, type ToolDefinition } from './tool';
import { ToolFailure } from './tool-failure';

type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const METHODS: readonly HttpMethod[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** What a request may be made of, apart from the arguments. */
export type HttpContext<Needs> = Pick<ToolContext<Needs, never>, 'input' | 'effectKey' | 'run'>;

export interface HttpToolDefinition<
  Name extends string,
  Input extends z.ZodObject,
  Output extends z.core.$ZodType,
  Needs extends z.ZodObject,
  Secret extends string,
> extends Omit<ToolDefinition<Name, Input, Output, Needs, Secret>, 'run' | 'poll'> {
  /** @default 'GET' */
  method?: HttpMethod;
  /**
   * `https://api.example.com/orders/{orderId}`, or a function. Arguments that do not stand in a template go into the query of GET and DELETE,
   * and into the JSON body of the others. Secrets have no place in a URL, which logs and errors show.
   */
  url: string | ((input: z.output<Input>, context: HttpContext<NeedsValue<Needs>>) => string | URL);
  /**
   * All that it may reach, redirects included: `api.example.com` or `api.example.com:8443` by https, others with their scheme.
   * @default the host of the template
   */
  hosts?: readonly string[];
  /** `{ authorization: 'Bearer {secrets.API_KEY}' }`, or a function. Another origin than the first is not sent them. */
  headers?:
    | { readonly [name: string]: string }
    | ((
        input: z.output<Input>,
        context: HttpContext<NeedsValue<Needs>> & Pick<ToolContext<unknown, Secret>, 'secrets'>,
      ) => { readonly [name: string]: string });
  /** Text is sent as it is, URLSearchParams as a form, anything else as JSON. @default the arguments that the URL does not name */
  body?(input: z.output<Input>, context: HttpContext<NeedsValue<Needs>>): unknown;
  /**
   * Addresses that are not public are refused at each connection. `true` allows private and loopback ones; a list allows exactly those
   * addresses and ranges (`10.1.0.0/16`), of whatever kind. @default false
   */
  allowPrivate?: AllowPrivate;
  /** Bytes, beyond which the request is not sent and the answer is not read. @default a mebibyte each */
  maxBytes?: { request?: number; response?: number };
}

const DEFAULT_MAX_BYTES = 1_048_576;

interface Plan {
  method: HttpMethod;
  template: UrlTemplate | undefined;
  maxRequest: number;
  maxResponse: number;
}

/**
 * Declares a tool that is one HTTP request. Its answer is parsed by its content type (JSON, text, or else a file) and checked by `output`.
 * `keyed` and `at-most-once` tools send the effect key as `Idempotency-Key`. What a 4xx explains is told to the model; 408, 409, 425, 429,
 * 5xx and broken connections are tried again, when the server says so.
 * @throws Error when a part of the definition is not usable
 */
export function httpTool<
  const Name extends string,
  Input extends z.ZodObject,
  Output extends z.core.$ZodType,
  Needs extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Secret extends string = never,
>(definition: HttpToolDefinition<Name, Input, Output, Needs, Secret>): Tool<Name, Input, Output, Needs> {
  const { method: _, url, hosts, headers = {}, body, allowPrivate, maxBytes, ...tool } = definition;
  const plan = checked(definition);
  const origins = hosts ?? (plan.template ? [plan.template.origin] : []);
  const walls = explained(tool.name, () => createWalls({ hosts: origins, allowPrivate }));
  const run = async (input: z.output<Input>, context: ToolContext<NeedsValue<Needs>, Secret>): Promise<unknown> => {
    const { secrets, signal, effectKey, run: about } = context;
    const given = { input: context.input, effectKey, run: about };
    const written =
      typeof headers === 'function'
        ? headers(input, { ...given, secrets })
        : Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fillSecrets(value, secrets)]));
    const address = typeof url === 'function' ? new URL(url(input, given)) : plan.template?.fill(input);
    if (!address) throw new ToolRejection('it has no URL.');
    const request = requestOf(plan, { address, input, written, body: body?.(input, given), hasBody: !!body });
    const isKeyed = ['keyed', 'at-most-once'].includes(tool.effect);
    const keyed = isKeyed ? { ...request.headers, 'idempotency-key': effectKey } : request.headers;
    const answer = await sendRequest({ ...request, headers: keyed, signal }, walls);
    await requireSuccess(answer, { hidden: hiddenIn(written), signal, now: Date.now() });
    const bytes = await readBody(answer, plan.maxResponse, signal);
    const parsed = parseBody(bytes, answer.response.headers['content-type'], answer.host);
    return await fitting(tool.output, parsed, { host: answer.host, files: context.files });
  };
  // What a server answers has no type until whoever runs the tool has checked it.
  return { ...defineTool<Name, Input, Output, Needs, Secret>({ ...tool, run: notWritten }), run };
}

const notWritten = (): never => {
  throw new Error('the request of an HTTP tool is described, not written.');
};

function checked(definition: {
  name: string;
  input: z.ZodObject;
  method?: HttpMethod;
  url: unknown;
  hosts?: readonly string[];
  headers?: unknown;
  toolbox?: { secrets: readonly string[] };
  maxBytes?: { request?: number; response?: number };
}): Plan {
  const { name, input, method = 'GET', url, hosts, headers, toolbox, maxBytes = {} } = definition;
  onlyKnownKeys(maxBytes, ['request', 'response'], `tool ${name}: maxBytes`);
  const { request = DEFAULT_MAX_BYTES, response = DEFAULT_MAX_BYTES } = maxBytes;
  if (![request, response].every((bytes) => Number.isInteger(bytes) && bytes > 0))
    throw new Error(`tool ${name}: maxBytes are whole numbers from 1.`);
  if (typeof url === 'function' && !hosts?.length)
    throw new Error(`tool ${name}: say in \`hosts\` where its url may lead, for example ['api.example.com'].`);
  return explained(name, () => {
    if (headers && typeof headers === 'object')
      for (const value of Object.values(headers)) checkSecretPlaces(String(value), toolbox?.secrets ?? []);
    const template = typeof url === 'string' ? urlTemplate(url, Object.keys(input.shape)) : undefined;
    return {
      method: oneOf(method, METHODS, 'method'),
      template,
      maxRequest: request,
      maxResponse: response,
    };
  });
}

function explained<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new Error(`tool ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

interface RequestParts {
  address: URL;
  input: object;
  written: { readonly [name: string]: string };
  body: unknown;
  hasBody: boolean;
}

/** @throws ToolRejection when it is larger than it may be */
function requestOf(
  { method, template, maxRequest }: Plan,
  { address, input, written, body, hasBody }: RequestParts,
): Omit<HttpRequest, 'signal'> {
  const left = Object.entries(input).filter(([name, value]) => value !== undefined && !template?.names.has(name));
  const inQuery = method === 'GET' || method === 'DELETE';
  if (inQuery && template && !hasBody) for (const [name, value] of left) append(address.searchParams, name, value);
  const content = hasBody ? bodyOf(body) : inQuery ? undefined : bodyOf(Object.fromEntries(left));
  const text = content?.text ?? '';
  const length = Buffer.byteLength(text) + address.href.length;
  if (length > maxRequest) throw new ToolRejection(`the request has ${length} bytes; ${maxRequest} may be sent.`);
  const headers = {
    accept: 'application/json, text/*;q=0.9, */*;q=0.5',
    'accept-encoding': 'identity',
    'user-agent': 'longhaul',
    ...(content ? { 'content-type': content.type, 'content-length': String(Buffer.byteLength(text)) } : {}),
    ...Object.fromEntries(Object.entries(written).map(([name, value]) => [name.toLowerCase(), value])),
  };
  return { url: address, method, headers, ...(content ? { body: text } : {}) };
}

function append(query: URLSearchParams, name: string, value: unknown): void {
  for (const one of Array.isArray(value) ? value : [value])
    query.append(name, typeof one === 'string' ? one : (JSON.stringify(one) ?? ''));
}

function bodyOf(body: unknown): { text: string; type: string } | undefined {
  if (body === undefined) return undefined;
  if (body instanceof URLSearchParams) return { text: body.toString(), type: 'application/x-www-form-urlencoded' };
  if (typeof body === 'string') return { text: body, type: 'text/plain; charset=utf-8' };
  return { text: JSON.stringify(body), type: 'application/json' };
}

/** A server may repeat what it was sent, and a header may hold a secret in another form than the secret has. */
const hiddenIn = (headers: { readonly [name: string]: string }): string[] =>
  Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/)].filter(({ length }) => length >= 8));

/** Checked here as well as by whoever runs the tool: only here is it known what the server sent instead. */
async function fitting(
  output: z.core.$ZodType,
  parsed: ParsedBody,
  { host, files }: { host: string; files: ToolContext<unknown, never>['files'] },
): Promise<unknown> {
  const value: unknown =
    parsed.kind === 'bytes' ? await files.write(parsed.value, { mediaType: parsed.mediaType }) : parsed.value;
  if (parsed.kind === 'json' || (await z.safeParseAsync(output, value)).success) return value;
  const message = `${host} answered with ${parsed.mediaType}, which does not fit what this tool answers.`;
  throw new ToolFailure('Tool.InvalidOutput', message, { mayHaveActed: true });
}
