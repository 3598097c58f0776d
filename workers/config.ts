// The one place where configuration enters a worker: a file, the environment, and what a command line says, in rising order.
import os from 'node:os';
import path from 'node:path';
import { configSchema, type ResolvedConfig } from '../activities/define/config';
import { routeText } from '../activities/define/route';
import type { KeyRing } from '../activities/keys/key-ring';
import { capabilitiesOf, lossesOf, type Endpoint } from '../activities/model/capabilities';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract/names';
import { budgetSettings } from './budget-settings';
import { ConfigError } from './config-error';
import { issueLines } from './config-issues';
import { withoutCredentials, type Setting } from './describe-settings';
import { findProject } from './find-project';
import { keySettings } from './key-settings';
import { addressOf, modelSettings, type ModelSettings } from './model-settings';
import { priceSettings } from './price-settings';
import type { Prices } from '../activities/gateway/money/prices';
import type { BudgetSettings } from '../activities/gateway/quota/tenant-budgets';
import { peopleSettings, type PeopleSettings } from './people-settings';
import { describeProcess, processSettings, type ProcessSettings } from './process-settings';
import { describeQueues, queueSettings, type QueuesByName } from './queue-settings';
import { quotaSettings, type QuotasByRoute } from './quota-settings';
import { describeTuning, tuningOf, type WorkerTuning } from './tuning';
import { tracingSettings, type TracingSettings } from './tracing-settings';
import { describeWatch, watchPlan, type WatchPlan } from './watch-settings';
import { compileCache, loadSource, problemLine, sourceProblem } from './source-loader';

export interface SettingsOverrides {
  /** Folders and `lmdb:` stores here and in the environment are relative to `cwd`; those of the file to its own folder. */
  agents?: string;
  stateDir?: string;
  store?: string;
  taskQueue?: string;
}

export interface Settings extends Pick<ModelSettings, 'models' | 'plans' | 'providers'>, PeopleSettings {
  /** Absolute. */
  project: string;
  /** Absolute; absent when there is none. */
  configFile?: string;
  /** Absolute. @default `<project>/.longhaul` */
  stateDir: string;
  /** @default `lmdb:<stateDir>/store` */
  store: string;
  /** Whether the command line named the store: then it is meant, whatever a running `dev` uses. */
  isStoreTyped: boolean;
  /** Seal what is stored and what Temporal is given. From `LONGHAUL_KEYS`; absent where there are none, and both are clear. */
  keys?: KeyRing;
  /** Absolute. */
  agentsDir: string;
  taskQueue: string;
  identity: { tenant: string; user?: string };
  /** By `provider/model`. */
  quotas: QuotasByRoute;
  /** Absent where no tenant is limited. */
  budgets?: BudgetSettings;
  /** By name. */
  queues: QueuesByName;
  /** What models cost. */
  prices: Prices;
  /** Absent where agents are not watched. */
  watch?: WatchPlan;
  /** @see configSchema */
  releases: ResolvedConfig['releases'];
  tuning: WorkerTuning;
  process: ProcessSettings;
  /** Absent where nothing is traced. */
  tracing?: TracingSettings;
  /** A key of a provider or a secret of a toolbox, by the name of its environment variable; an empty one is none. */
  secret(name: string): string | undefined;
  /** What `describeSettings` shows: no credentials. */
  described: readonly Setting[];
}

interface Found {
  value: string;
  source: string;
}
/** @throws ConfigError */
export async function loadSettings(options: {
  cwd: string;
  env: { readonly [name: string]: string | undefined };
  overrides?: SettingsOverrides;
  /** As if there were no configuration file: for a doctor, whose patient it may be. */
  withoutFile?: boolean;
}): Promise<Settings> {
  const { cwd, env, overrides = {} } = options;
  const read = (name: string): string | undefined => env[name] || undefined;
  const given = (override: string | undefined, name: string, resolve = (value: string) => value): Found | undefined => {
    if (override !== undefined && override !== '') return { value: resolve(override), source: 'command line' };
    const value = read(name);
    return value === undefined ? undefined : { value: resolve(value), source: name };
  };
  const fromCwd = (value: string): string => path.resolve(cwd, value);

  const { folder: project, configFile: found } = findProject(cwd);
  const configFile = options.withoutFile ? undefined : found;
  const stateDir = given(overrides.stateDir, 'LONGHAUL_STATE_DIR', fromCwd) ?? {
    value: path.join(project, '.longhaul'),
    source: 'default',
  };
  const config = configFile === undefined ? configSchema.parse({}) : await readConfig(configFile, stateDir.value);
  const configName = configFile === undefined ? 'default' : path.basename(configFile);
  const configured = (value: string | undefined): Found | undefined =>
    value === undefined ? undefined : { value, source: configName };

  const store = given(overrides.store, 'LONGHAUL_STORE', (url) => storeUrl(url, cwd)) ??
    configured(config.store === undefined ? undefined : storeUrl(config.store, project)) ?? {
      value: `lmdb:${path.join(stateDir.value, 'store')}`,
      source: 'default',
    };
  const agents = given(overrides.agents, 'LONGHAUL_AGENTS', fromCwd) ?? {
    value: path.resolve(project, config.agents),
    source: configName,
  };
  const taskQueue = given(overrides.taskQueue, 'LONGHAUL_TASK_QUEUE') ??
    configured(config.taskQueue) ?? { value: DEFAULT_TASK_QUEUE, source: 'default' };
  const user = config.identity.user ?? osUser();
  const models = modelSettings(config, configName, read);
  const ofPrices = priceSettings(config, configName, models.providers);
  const [ofProcess, ofWatch] = [processSettings(read), watchPlan(config.watch)];
  const [{ described: ofTracing, ...tracing }, ofKeys] = [tracingSettings(config, configName, read), keySettings(read)];
  const [ofBudgets, queues] = [budgetSettings(config.budgets, configName), queueSettings(config, configName, models)];
  const { described: ofPeople, ...people } = peopleSettings(config, configName, env);

  return {
    project,
    ...(configFile === undefined ? {} : { configFile }),
    stateDir: stateDir.value,
    store: store.value,
    isStoreTyped: store.source === 'command line',
    ...(ofKeys.keys ? { keys: ofKeys.keys } : {}),
    agentsDir: agents.value,
    taskQueue: taskQueue.value,
    ...people,
    identity: { tenant: config.identity.tenant ?? 'default', ...(user === undefined ? {} : { user }) },
    ...{ models: models.models, plans: models.plans, providers: models.providers },
    ...{ quotas: quotaSettings(config, configName, models, ofPrices.prices), ...ofBudgets.settings },
    ...{ queues, prices: ofPrices.prices, tuning: tuningOf(config.workers), ...(ofWatch ? { watch: ofWatch } : {}) },
    ...{ process: ofProcess, ...tracing, releases: config.releases },
    secret: read,
    described: [
      {
        what: 'project',
        value: project,
        source: cwd === project ? 'current folder' : 'found above the current folder',
      },
      describeFile(found, configFile),
      { what: 'state', ...stateDir },
      { what: 'store', value: withoutCredentials(store.value), source: store.source },
      ofKeys.described,
      { what: 'agents', ...agents },
      { what: 'task queue', ...taskQueue },
      ...describeIdentity(configured(config.identity.tenant), configured(config.identity.user), user),
      ...ofPeople,
      ...describeModels(models, configName, read),
      ...ofPrices.described,
      ...[...ofBudgets.described, ...describeQueues(queues, configName), describeReleases(config, configName)],
      ...[...describeWatch(ofWatch, configName), ...describeTuning(config.workers, configName)],
      ...[...ofTracing, ...describeProcess(ofProcess, read)],
    ],
  };
}

const describeIdentity = (tenant?: Found, user?: Found, ofSystem?: string): Setting[] => [
  { what: 'tenant', ...(tenant ?? { value: 'default', source: 'default' }) },
  { what: 'user', ...(user ?? { value: ofSystem ?? 'none', source: 'operating system' }) },
];

const describeReleases = ({ releases }: ResolvedConfig, configName: string): Setting => ({
  what: 'releases',
  value: releases === 'explicit' ? 'by command alone' : 'by workers, until somebody does by command',
  source: releases === 'workers' ? 'default' : configName,
});

const describeFile = (found: string | undefined, used: string | undefined): Setting => ({
  what: 'configuration',
  value: used ?? (found === undefined ? 'none' : `${found}, not used: it is not valid`),
  source: found === undefined ? 'default' : 'found',
});

function describeModels(
  { providers, models, plans, sources }: ModelSettings,
  configName: string,
  read: Settings['secret'],
): Setting[] {
  return [
    ...providers.flatMap(({ name, baseUrl, keyFrom, api }): Setting[] => {
      const known = name === 'openai' ? sources : name === 'anthropic' ? sources.anthropic : undefined;
      const from = known ?? { baseUrl: configName, api: configName };
      return [
        {
          what: `${name} base URL`,
          value: withoutCredentials(addressOf({ api, baseUrl })),
          source: from.baseUrl,
        },
        { what: `${name} API`, value: api, source: from.api },
        { what: `${name} key`, value: read(keyFrom) === undefined ? 'not set' : 'set', source: keyFrom },
        { what: `${name} loses`, ...lossesAt({ name, api, baseUrl }) },
      ];
    }),
    ...Object.entries(models).map(([alias, route]) => ({
      what: `model ${alias}`,
      value: routeText(route, plans[alias]),
      source: alias === 'default' ? sources.default : configName,
    })),
  ];
}

function lossesAt(endpoint: Endpoint): Pick<Setting, 'value' | 'source'> {
  const known = capabilitiesOf(endpoint);
  return { value: lossesOf(known).join('; ') || 'nothing', source: `${known.endpoint}, ${known.api}` };
}

async function readConfig(file: string, stateDir: string): Promise<ResolvedConfig> {
  const folder = path.dirname(file);
  let exported: { [name: string]: unknown };
  try {
    exported = await loadSource(file, { cacheDir: compileCache(stateDir) });
  } catch (error) {
    throw new ConfigError(problemLine(sourceProblem(error, [file]), folder), { cause: error });
  }
  // A CommonJS file may have set module.exports to the configuration itself.
  const parsed = configSchema.safeParse('default' in exported ? exported['default'] : exported);
  if (parsed.success) return parsed.data;
  if (!('default' in exported) && /\.m?ts$|\.mjs$/.test(file))
    throw new ConfigError(
      `${path.basename(file)}: it has no default export: write export default defineConfig({ ... }).`,
    );
  const issues = issueLines(parsed.error.issues);
  throw new ConfigError(`${path.basename(file)}: ${issues.join('; ')}`);
}

const storeUrl = (url: string, base: string): string =>
  url.startsWith('lmdb:') ? `lmdb:${path.resolve(base, url.slice('lmdb:'.length))}` : url;

/** A container may run under a number that no user has. */
function osUser(): string | undefined {
  try {
    return os.userInfo().username || undefined;
  } catch {
    return undefined;
  }
}
