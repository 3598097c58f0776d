// Which model servers there are, and what the aliases of models stand for.
import type { ResolvedConfig } from '../activities/define/config';
import { isModelName, resolvedRoute, type ResolvedRoute } from '../activities/define/route';
import type { ModelApi } from '../activities/model/capabilities';
import { ANTHROPIC_BASE_URL, OPENAI_BASE_URL } from '../activities/model/base-urls';
import type { RoutePlan } from '../workflows/contract/release';
import { anthropicSettings } from './anthropic-settings';
import { ConfigError } from './config-error';

/** One server of models. Its key is `settings.secret(keyFrom)`, absent for a server without keys. */
export interface ProviderSettings {
  name: string;
  /** Absent for the API's own: OpenAI's, or Anthropic's. */
  baseUrl?: string;
  /** Name of the environment variable of the key. */
  keyFrom: string;
  api: ModelApi;
  organization?: string;
  project?: string;
}

/** Without one of its own it is that of whoever made the API. */
export const addressOf = ({ api, baseUrl }: Pick<ProviderSettings, 'api'> & { baseUrl?: string | undefined }): string =>
  baseUrl ?? (api === 'messages' ? ANTHROPIC_BASE_URL : OPENAI_BASE_URL);

export interface ModelSettings {
  providers: ProviderSettings[];
  /** Alias → `provider/model`, in order of preference. */
  models: { [alias: string]: string[] };
  /** Of aliases that are more than a list. */
  plans: { [alias: string]: RoutePlan };
  /** Where the values come from, for a doctor. */
  sources: {
    baseUrl: string;
    api: string;
    model: string;
    default: string;
    anthropic?: { baseUrl: string; api: string };
  };
}

const DEMO_MODEL = 'demo/extractive';
const DEFAULT_OPENAI_MODEL = 'gpt-5-mini';
const OPENAI_HOST = 'api.openai.com';
const ANTHROPIC_HOST = 'api.anthropic.com';
const APIS = ['responses', 'chat'] as const;

type Read = (name: string) => string | undefined;

/**
 * @param read an environment variable, or undefined when unset or empty
 * @throws ConfigError naming the variable or the key of the configuration
 */
export function modelSettings(config: ResolvedConfig, configName: string, read: Read): ModelSettings {
  const providers = Object.entries(config.providers).flatMap(([name, provider]): ProviderSettings[] => {
    if (name === '' || name.includes('/') || name === 'demo')
      throw new ConfigError(`${configName}: providers: "${name}" cannot name a provider.`);
    if (name === 'openai' || name === 'anthropic') return [];
    // It would be taken for OpenAI's own, who would be sent the key of another.
    if (provider.baseUrl === undefined && provider.api === undefined)
      throw new ConfigError(
        `${configName}: providers.${name}: give its baseUrl, or the api of whoever made that (responses, chat: OpenAI; messages: Anthropic).`,
      );
    const keyFrom = provider.apiKeyEnv ?? `${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_API_KEY`;
    return [{ name, keyFrom, ...address(provider.baseUrl, provider.api) }];
  });
  const openai = openAi(config, configName, read);
  const isServed = read(openai.provider.keyFrom) !== undefined || openai.provider.baseUrl !== undefined;
  const model = read('OPENAI_MODEL');
  const named = Object.entries(config.models).map(([alias, route]): [string, ResolvedRoute] => {
    try {
      return [alias, resolvedRoute(route)];
    } catch (error) {
      throw new ConfigError(
        `${configName}: models.${alias}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  });
  const names = named.flatMap(([, { models }]) => models);
  const anthropic = anthropicSettings(config, names, { configName, read });
  const openAiModel = isServed ? `openai/${model ?? DEFAULT_OPENAI_MODEL}` : undefined;
  const fallback = openAiModel ?? anthropic?.model ?? DEMO_MODEL;
  return {
    providers: [openai.provider, ...(anthropic ? [anthropic.provider] : []), ...providers],
    models: { default: [fallback], ...Object.fromEntries(named.map(([alias, { models }]) => [alias, models])) },
    plans: Object.fromEntries(named.flatMap(([alias, { plan }]) => (plan ? [[alias, plan]] : []))),
    sources: {
      baseUrl: openai.baseUrlFrom,
      api: openai.apiFrom,
      model: model === undefined ? 'default' : 'OPENAI_MODEL',
      default: config.models['default']
        ? configName
        : fallback === DEMO_MODEL
          ? 'no key, no base URL'
          : 'a key or base URL is set',
      ...(anthropic ? { anthropic: anthropic.sources } : {}),
    },
  };
}

function openAi(
  config: ResolvedConfig,
  configName: string,
  read: Read,
): { provider: ProviderSettings; baseUrlFrom: string; apiFrom: string } {
  const configured = config.providers['openai'];
  const url = read('OPENAI_BASE_URL');
  const api = read('OPENAI_API');
  if (url !== undefined && !URL.canParse(url)) throw new ConfigError('OPENAI_BASE_URL: it is not a URL.');
  const known = APIS.find((name) => name === api);
  if (api !== undefined && !known)
    throw new ConfigError(`OPENAI_API: "${api}" is not an API: write ${APIS.join(' or ')}.`);
  const served = address(url ?? configured?.baseUrl, known ?? configured?.api);
  // It would be spoken to whoever made it, who would be sent OpenAI's key.
  if (served.api === 'messages' && served.baseUrl === undefined)
    throw new ConfigError(
      `${configName}: providers.openai: OpenAI does not speak messages: give the baseUrl that does.`,
    );
  const organization = read('OPENAI_ORG_ID');
  const project = read('OPENAI_PROJECT_ID');
  return {
    provider: {
      name: 'openai',
      keyFrom: configured?.apiKeyEnv ?? 'OPENAI_API_KEY',
      ...served,
      ...(organization === undefined ? {} : { organization }),
      ...(project === undefined ? {} : { project }),
    },
    baseUrlFrom: url !== undefined ? 'OPENAI_BASE_URL' : configured?.baseUrl ? configName : 'default',
    apiFrom: known ? 'OPENAI_API' : configured?.api ? configName : 'default for the base URL',
  };
}

/**
 * OpenAI itself is spoken to by its newer API, which keeps a model's thoughts between calls; most other servers know only the older.
 * Anthropic's is told by its host, or by how other vendors name the place where they speak it.
 */
function address(baseUrl: string | undefined, api: ModelApi | undefined): Pick<ProviderSettings, 'baseUrl' | 'api'> {
  return { api: api ?? apiOf(baseUrl), ...(baseUrl === undefined ? {} : { baseUrl }) };
}

function apiOf(baseUrl: string | undefined): ModelApi {
  const url = baseUrl === undefined ? undefined : new URL(baseUrl);
  if (url === undefined || url.hostname === OPENAI_HOST) return 'responses';
  return url.hostname === ANTHROPIC_HOST || /\/anthropic\/?$/.test(url.pathname) ? 'messages' : 'chat';
}

/** What a release needs to know of models: no address and no key. */
export interface RouteSettings extends Pick<ModelSettings, 'models'>, Partial<Pick<ModelSettings, 'plans'>> {
  providers: readonly Pick<ProviderSettings, 'name'>[];
}

/**
 * What an agent's `model` stands for.
 * @throws Error listing the aliases, or the providers, when it stands for nothing
 */
export function modelRoute({ models, providers }: RouteSettings, model: string): string[] {
  const route = Object.hasOwn(models, model) ? models[model] : isModelName(model) ? [model] : undefined;
  if (!route) {
    throw new Error(
      `no model alias "${model}" (there are: ${Object.keys(models).sort().join(', ')}). ` +
        'Add it to models in longhaul.config.ts, or write provider/model.',
    );
  }
  const names = ['demo', ...providers.map(({ name }) => name)];
  const unknown = route.find((name) => !names.includes(name.slice(0, name.indexOf('/'))));
  if (unknown !== undefined) {
    const hint = unknown.startsWith('anthropic/') ? ' Set ANTHROPIC_API_KEY.' : '';
    throw new Error(`no provider for model "${unknown}" (providers: ${names.join(', ')}).${hint}`);
  }
  return route;
}

/** How that route is taken; undefined where it is a plain list. */
export const modelPlan = ({ plans }: RouteSettings, model: string): RoutePlan | undefined =>
  plans && Object.hasOwn(plans, model) ? plans[model] : undefined;
