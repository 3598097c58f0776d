// What `longhaul doctor` looks at. Each check looks without changing anything that stays, and says how to mend what it misses.
import { existsSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import path from 'node:path';
import { openOne, readThrough } from '../../activities/store/read-through';
import { connectTemporal } from '../../infra/temporal/connect';
import { resolveTemporal } from '../../infra/temporal/resolve-temporal';
import { findTemporalCli, type TemporalCli } from '../../infra/temporal/find-cli';
import { readFolderLock } from '../../infra/temporal/folder-lock';
import { withoutCredentials } from '../../workers/describe-settings';
import type { LoadedAgents } from '../../workers/load-agents';
import { loadAgentsOnce } from '../../workers/mcp-servers';
import { problemLine, type SourceProblem } from '../../workers/source-loader';
import type { CliContext } from './context';
import { errorCode, errorLine } from './exit-codes';
import { counted, formatBytes } from '../format';
import { checkPrices, checkRoutes } from './route-checks';

export type Check = { name: string; found: string } & (
  | { state: 'ok' }
  /** It works, and something about it is worth knowing. */
  | { state: 'note'; mend?: string }
  | { state: 'missing'; mend: string }
);

const ok = (name: string, found: string): Check => ({ name, state: 'ok', found });
const missing = (name: string, found: string, mend: string): Check => ({ name, state: 'missing', found, mend });

/** The floor of package.json's `engines`. */
const NODE_FLOOR = [20, 19] as const;

export function checkNode(version: string = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor >= NODE_FLOOR[1]);
  return isEnough
    ? ok('Node', version)
    : missing('Node', version, `install Node ${NODE_FLOOR.join('.')} or later: https://nodejs.org`);
}

export const checkConfiguration = ({ misconfigured }: CliContext): Check[] =>
  misconfigured.map((problem) =>
    missing('configuration', problem, 'correct it: until then every other command stops here'),
  );

/** The server, and where it is embedded also the CLI that it is started with. */
export async function checkTemporal(context: CliContext): Promise<Check[]> {
  let choice: ReturnType<typeof resolveTemporal>;
  try {
    choice = resolveTemporal({ env: context.env });
  } catch (error) {
    return [missing('Temporal', errorLine(error), 'correct the TEMPORAL_* variables or the profile')];
  }
  if (choice.kind === 'embedded') return [await checkCli(context), await checkDev(context)];
  const { address } = choice.connectionOptions;
  try {
    await (await connectTemporal(choice)).close();
    return [ok('Temporal', `${address}, namespace ${choice.namespace}, answers`)];
  } catch (error) {
    return [
      missing('Temporal', errorLine(error), `start the server at ${address}, or unset it to use the embedded one`),
    ];
  }
}

/** Ends the search where it would begin to fetch. */
class WouldFetch extends Error {}

async function checkCli({ env, settings }: CliContext): Promise<Check> {
  const name = 'Temporal CLI';
  let cli: TemporalCli;
  try {
    cli = await findTemporalCli({
      env,
      cacheDir: path.join(settings.stateDir, 'bin'),
      onProgress: (event) => {
        if (event.kind === 'trying' && event.source === 'download') throw new WouldFetch();
      },
    });
  } catch (error) {
    if (error instanceof WouldFetch) {
      const mend = 'the first run fetches it; without a network: put `temporal` on PATH, or set LONGHAUL_TEMPORAL_CLI';
      return { name, state: 'note', found: 'none yet', mend };
    }
    return missing(name, errorLine(error), 'set LONGHAUL_TEMPORAL_CLI to a `temporal` binary, or unset it');
  }
  return ok(name, `${cli.version}, from ${cli.source}: ${cli.path}`);
}

async function checkDev({ settings }: CliContext): Promise<Check> {
  const dev = readFolderLock(settings.stateDir);
  if (!dev) return { name: 'dev', state: 'note', found: 'not running', mend: '`longhaul dev` keeps everything up' };
  const { address, namespace, uiUrl } = dev.info;
  if (typeof address !== 'string') return ok('dev', `starting (pid ${dev.pid})`);
  const server = {
    kind: 'external' as const,
    connectionOptions: { address },
    namespace: typeof namespace === 'string' ? namespace : 'default',
  };
  try {
    await (await connectTemporal(server)).close();
    return ok(
      'dev',
      `running (pid ${dev.pid}), Temporal at ${address}${typeof uiUrl === 'string' ? `, web UI ${uiUrl}` : ''}`,
    );
  } catch (error) {
    return missing('dev', errorLine(error), `stop process ${dev.pid} and start \`longhaul dev\` again`);
  }
}

const PROBE = 'doctor/probe';

export async function checkStore({ storeUrl, readStore }: CliContext): Promise<Check> {
  const name = 'store';
  const folder = /^lmdb:(.+)$/s.exec(storeUrl())?.[1];
  const mend = 'make it writable, or set store in longhaul.config.ts or LONGHAUL_STORE to another folder';
  try {
    if (folder !== undefined && !existsSync(folder)) {
      await access(existingAbove(folder), constants.W_OK);
      return ok(name, `${folder}, made by the first run`);
    }
    const store = readStore();
    // First: what is damaged is not to be written to.
    await readThrough(store);
    await openOne(store);
    await store.commit({ refs: [{ op: 'put', name: PROBE, value: { pid: process.pid } }] });
    await store.deleteRef(PROBE);
    return ok(name, `${store.description}, readable and writable`);
  } catch (error) {
    return missing(name, errorLine(error), MEND_STORE[errorCode(error)] ?? mend);
  }
}

/** By what is wrong with it, where that is not that it cannot be written. */
const MEND_STORE: { readonly [code: string]: string } = {
  'Store.KeyMissing': 'give LONGHAUL_KEYS the key that it names; other keys may stay beside it',
  'Store.ObjectCorrupt': 'stop what uses the store, and put a backup of its folder or database in its place',
};

export function checkWebhook({ settings: { webhook, secret } }: CliContext): Check[] {
  if (!webhook) return [];
  const { secretEnv } = webhook;
  const found = `${withoutCredentials(webhook.url)}: ${secretEnv} is ${secret(secretEnv) === undefined ? 'not set' : 'set'}`;
  if (secret(secretEnv) !== undefined) return [ok('webhook', found)];
  return [missing('webhook', found, `set ${secretEnv}: until then nobody is told of what runs ask`)];
}

/** Below the first a run stops for want of room; below the second that day is near. */
const DISK_LEAST = 100_000_000;
const DISK_COMFORT = 1_000_000_000;

export async function checkDisk({ settings }: CliContext): Promise<Check> {
  const folder = existingAbove(settings.stateDir);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const found = `${formatBytes(free)} free at ${folder}`;
  const mend = 'free some space, or move the state with LONGHAUL_STATE_DIR';
  if (free < DISK_LEAST) return missing('disk', found, mend);
  return free < DISK_COMFORT ? { name: 'disk', state: 'note', found, mend } : ok('disk', found);
}

function existingAbove(folder: string): string {
  return existsSync(folder) || path.dirname(folder) === folder ? folder : existingAbove(path.dirname(folder));
}

export async function checkAgents({ settings, misconfigured }: CliContext): Promise<Check[]> {
  // Without the aliases, providers and prices that it names they would not load, and none of that would be their own fault.
  if (misconfigured.length > 0) {
    const mend = 'correct the configuration first: agents are loaded with it';
    return [{ name: 'agents', state: 'note', found: `those in ${settings.agentsDir} were not checked`, mend }];
  }
  const loaded = await loadAgentsOnce(settings);
  const { agents, problems } = loaded;
  const names = agents.map(({ manifest }) => manifest.agent).join(', ');
  const found = `${counted(agents.length, 'agent')} in ${settings.agentsDir}${names === '' ? '' : `: ${names}`}`;
  // That the folder itself is not there is said by the first line.
  const inFiles = problems.filter(({ file }) => file !== settings.agentsDir);
  const none =
    inFiles.length > 0
      ? 'mend what is said below'
      : '`longhaul init` writes one; --agents or LONGHAUL_AGENTS names another folder';
  const first = agents.length > 0 ? ok('agents', found) : missing('agents', found, none);
  const broken = byCause(inFiles).map((same) => {
    const [problem, ...others] = same;
    const also = others.map(({ file }) => path.relative(settings.project, file)).join(', ');
    const line = problemLine(problem, settings.project);
    return missing(
      'agent',
      also === '' ? line : `${line} (also ${also})`,
      'correct the file; `longhaul dev` serves it as it is saved',
    );
  });
  const ofModels = [checkModels, checkRoutes, checkPrices].flatMap((check) => check(settings, loaded));
  return [first, ...broken, ...ofModels];
}

/** One mistake of the configuration can keep every agent from loading. */
function byCause(problems: readonly SourceProblem[]): [SourceProblem, ...SourceProblem[]][] {
  const causes = new Map<string, [SourceProblem, ...SourceProblem[]]>();
  for (const problem of problems) {
    // Apart from the name of the agent, which begins the message of what was wrong with its release.
    const cause = problem.message.replace(/^agent [^:]+: /, '');
    const same = causes.get(cause);
    if (same) same.push(problem);
    else causes.set(cause, [problem]);
  }
  return [...causes.values()];
}

type Keys = Pick<CliContext['settings'], 'models' | 'providers' | 'secret'>;

/** Of every model that a loaded agent uses, and of `default`. */
function checkModels(settings: Keys, { agents }: LoadedAgents): Check[] {
  const used = new Map<string, string[]>();
  for (const model of settings.models['default'] ?? []) used.set(model, []);
  for (const { manifest } of agents)
    for (const model of manifest.model.route) used.set(model, [...(used.get(model) ?? []), manifest.agent]);
  return [...used].map(([model, by]) => checkModel(settings, model, by));
}

function checkModel({ providers, secret }: Keys, model: string, by: readonly string[]): Check {
  const name = 'model';
  const found = `${model}${by.length === 0 ? '' : ` (${by.join(', ')})`}`;
  const named = model.slice(0, model.indexOf('/'));
  if (named === 'demo') {
    const mend = 'for a real model set OPENAI_API_KEY, OPENAI_BASE_URL or ANTHROPIC_API_KEY';
    return { name, state: 'note', found: `${found}: no language model, it searches and quotes`, mend };
  }
  const provider = providers.find((one) => one.name === named);
  if (!provider) return missing(name, `${found}: no provider "${named}"`, 'add it to providers in longhaul.config.ts');
  const { keyFrom, baseUrl } = provider;
  if (secret(keyFrom) !== undefined) return ok(name, `${found}: ${keyFrom} is set`);
  // Servers of one's own often take no key.
  if (baseUrl !== undefined)
    return ok(name, `${found}: ${keyFrom} is not set, which a server without keys does not mind`);
  return missing(name, `${found}: ${keyFrom} is not set`, `set ${keyFrom}`);
}
