// What is lost at each API and known server: for who chooses a provider, for `longhaul doctor`, and for the README's table, which a
// test keeps equal to this one. From the vendors' own pages, November 2026.
import { windowOf } from '../context/model-window';

export const CAPABILITIES = {
  tools: 'tools',
  parallelTools: 'several tools at once',
  structuredOutput: 'output held to a schema',
  images: 'images',
  files: 'files',
  reasoning: 'reasoning kept between calls',
  caching: 'prompt caching',
  usage: 'tokens told in streams',
} as const;
export type Capability = keyof typeof CAPABILITIES;
export type ModelApi = 'responses' | 'chat' | 'messages';

/** `model`: with some of its models. */
export type Has = 'yes' | 'no' | 'model';

export interface EndpointCapabilities extends Readonly<Record<Capability, Has>> {
  readonly endpoint: string;
  readonly api: ModelApi;
  /** Whether windows are known by the names of models; where not, an agent declares its own. */
  readonly window: 'known' | 'declared';
}

const ALL = {
  tools: 'yes',
  parallelTools: 'yes',
  structuredOutput: 'yes',
  images: 'yes',
  files: 'yes',
  reasoning: 'yes',
  caching: 'yes',
  usage: 'yes',
} as const satisfies Record<Capability, Has>;
/** Servers of open models: what one model can, another cannot. */
const OPEN = {
  ...ALL,
  tools: 'model',
  parallelTools: 'model',
  images: 'model',
  files: 'no',
  reasoning: 'no',
} as const satisfies Record<Capability, Has>;

const of = (
  endpoint: string,
  api: ModelApi,
  has: Readonly<Record<Capability, Has>>,
  window: 'known' | 'declared' = 'declared',
): EndpointCapabilities => ({ endpoint, api, window, ...has });

interface Known {
  capabilities: EndpointCapabilities;
  /** Whether a server of this base URL, or under this name in the configuration, is meant. */
  host?: RegExp;
  name?: RegExp;
}

const OPENAI_HOST = /(^|\.)api\.openai\.com$/;
const ANTHROPIC_HOST = /(^|\.)api\.anthropic\.com$/;

/** The first that fits; those without a host are the API's own server, and any other. */
const KNOWN: readonly Known[] = [
  { capabilities: of('OpenAI', 'responses', ALL, 'known'), host: OPENAI_HOST },
  { capabilities: of('OpenAI', 'chat', { ...ALL, reasoning: 'no' }, 'known'), host: OPENAI_HOST },
  { capabilities: of('Anthropic', 'messages', { ...ALL, structuredOutput: 'model' }, 'known'), host: ANTHROPIC_HOST },
  {
    capabilities: of('Anthropic', 'chat', { ...ALL, structuredOutput: 'no', reasoning: 'no', caching: 'no' }, 'known'),
    host: ANTHROPIC_HOST,
  },
  { capabilities: of('Azure OpenAI', 'responses', ALL, 'known'), host: /\.azure\.com$/ },
  { capabilities: of('Azure OpenAI', 'chat', { ...ALL, reasoning: 'no' }, 'known'), host: /\.azure\.com$/ },
  {
    capabilities: of('OpenRouter', 'chat', {
      ...ALL,
      tools: 'model',
      parallelTools: 'model',
      structuredOutput: 'model',
      images: 'model',
      caching: 'model',
    }),
    host: /(^|\.)openrouter\.ai$/,
  },
  {
    capabilities: of('Gemini', 'chat', { ...ALL, files: 'no' }),
    host: /(^|\.)generativelanguage\.googleapis\.com$/,
  },
  {
    capabilities: of('DeepSeek', 'chat', { ...ALL, structuredOutput: 'no', images: 'model', files: 'no' }),
    host: /(^|\.)api\.deepseek\.com$/,
  },
  {
    capabilities: of('DeepSeek', 'messages', { ...ALL, structuredOutput: 'no', images: 'no', files: 'no' }),
    host: /(^|\.)api\.deepseek\.com$/,
  },
  {
    capabilities: of('Mistral', 'chat', { ...ALL, images: 'model', files: 'no', reasoning: 'no', caching: 'model' }),
    host: /(^|\.)api\.mistral\.ai$/,
  },
  {
    capabilities: of('Groq', 'chat', {
      ...ALL,
      parallelTools: 'model',
      structuredOutput: 'model',
      images: 'model',
      files: 'no',
      reasoning: 'no',
      caching: 'model',
    }),
    host: /(^|\.)api\.groq\.com$/,
  },
  { capabilities: of('Ollama', 'chat', OPEN), host: /:11434$|(^|\.)ollama\.com$/, name: /ollama/i },
  { capabilities: of('vLLM', 'chat', OPEN), name: /vllm/i },
];

/** A server of which nothing is known: it may have everything, or refuse it. */
const ELSEWHERE: Readonly<Record<Capability, Has>> = {
  tools: 'model',
  parallelTools: 'model',
  structuredOutput: 'model',
  images: 'model',
  files: 'model',
  reasoning: 'model',
  caching: 'model',
  usage: 'model',
};

/** Every row that is known, in the order of the README. */
export const ENDPOINTS: readonly EndpointCapabilities[] = KNOWN.map(({ capabilities }) => capabilities);

export interface Endpoint {
  /** As configured, which tells a server whose address does not. */
  name: string;
  api: ModelApi;
  /** Absent for the API's own: OpenAI's, or Anthropic's. */
  baseUrl?: string | undefined;
}

export function capabilitiesOf({ name, api, baseUrl }: Endpoint): EndpointCapabilities {
  const url = baseUrl !== undefined && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  const own = api === 'messages' ? 'api.anthropic.com' : 'api.openai.com';
  const hosts = url ? [url.hostname, url.host] : baseUrl === undefined ? [own] : [];
  const ofApi = KNOWN.filter(({ capabilities }) => capabilities.api === api);
  const found =
    ofApi.find(({ host }) => host && hosts.some((one) => host.test(one))) ??
    ofApi.find(({ name: known }) => known?.test(name));
  return found?.capabilities ?? of('another server', api, ELSEWHERE);
}

/** In words; empty where nothing is lost. What depends on the model is said as such. */
export function lossesOf(capabilities: EndpointCapabilities): string[] {
  const names = Object.keys(CAPABILITIES) as Capability[];
  const without = names.filter((name) => capabilities[name] === 'no').map((name) => CAPABILITIES[name]);
  const depends = names.filter((name) => capabilities[name] === 'model').map((name) => CAPABILITIES[name]);
  return [...without, ...(depends.length === 0 ? [] : [`by model: ${depends.join(', ')}`])];
}

/** What a request cannot do without. */
export interface Needs extends Partial<Record<Capability, boolean>> {
  /** Tokens of the whole request. */
  inputTokens?: number;
}

/**
 * Why a request cannot go there, in words; empty where it can. What depends on the model counts as there: the provider refuses it
 * otherwise. Asking for parallel tools is no need of its own: where they are missing, calls come one by one.
 * @param capabilities undefined where nothing is known of the provider
 * @param route `provider/model`, for its window
 */
export function missingFor(needs: Needs, capabilities: EndpointCapabilities | undefined, route: string): string[] {
  const missing = (Object.keys(CAPABILITIES) as Capability[])
    .filter((name) => needs[name] && capabilities?.[name] === 'no')
    .map((name) => CAPABILITIES[name]);
  const window = windowOf(route);
  const isTooLong = needs.inputTokens !== undefined && window !== undefined && needs.inputTokens > window;
  return isTooLong ? [...missing, `${needs.inputTokens} tokens in a window of ${window}`] : missing;
}

const MARKS: Readonly<Record<Has, string>> = { yes: '✓', no: '–', model: 'by model' };

/** As it stands in the README. */
export function capabilitiesTable(): string {
  const names = Object.keys(CAPABILITIES) as Capability[];
  const rows = ENDPOINTS.map((row) => [
    `${row.endpoint}, \`${row.api}\``,
    ...names.map((name) => MARKS[row[name]]),
    row.window,
  ]);
  const head = ['server and API', ...names.map((name) => CAPABILITIES[name]), 'window'];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return lines.join('\n');
}
