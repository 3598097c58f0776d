// Finds the agents of a folder and makes a release of each. What is broken is told, and keeps no other agent from loading.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isAgent, type AnyAgent } from '../activities/define';
import { subAgentsOf } from '../activities/define/agent-tool';
import type { ReleaseOf } from '../activities/describe-agent';
import type { LoadedAgent } from '../activities/deps';
import type { McpServers } from '../activities/mcp/mcp-servers';
import { codeOf, messageOf } from '../infra/temporal/error-reason';
import { agentCode, AgentCodeError, type AgentCode } from './agent-code';
import { buildRelease, instructionsFile } from './build-release';
import type { Settings } from './config';
import type { RouteSettings } from './model-settings';
import type { PeopleSettings } from './people-settings';
import type { QueuesByName } from './queue-settings';
import type { PricedBy } from './require-prices';
import { toolboxConflicts } from './toolbox/toolbox-specs';
import { compileCache, loadSource, SOURCE_EXTENSIONS, sourceProblem, type SourceProblem } from './source-loader';

export type LoadSettings = RouteSettings &
  PricedBy &
  Pick<PeopleSettings, 'approvals'> &
  Pick<Settings, 'stateDir'> & { queues?: QueuesByName };

export interface FoundAgent extends LoadedAgent {
  /** That defines it, absolute. */
  file: string;
}

export interface LoadedAgents {
  /** In order of their names. */
  agents: FoundAgent[];
  /** Each one line of `problemLine`. */
  problems: SourceProblem[];
  /** All that the agents were made from, absolute, missing files included: what a watcher must follow. */
  files: string[];
}

interface AgentFile {
  file: string;
  /** `<folder>/agent.ts` must define an agent; a file beside the folders may be there for another reason. */
  mustDefine: boolean;
}

/** What a file defines, before anything is made of it. */
interface FileResult {
  file: string;
  /** Of its code. */
  code: string;
  agents: AnyAgent[];
  problems: SourceProblem[];
  inputs: string[];
}

export async function loadAgents(options: {
  /** Absolute. */
  dir: string;
  settings: LoadSettings;
  /** @see BuildReleaseOptions */
  mcp?: McpServers;
}): Promise<LoadedAgents> {
  const { dir, settings, mcp } = options;
  let found: AgentFile[];
  try {
    found = await agentFiles(dir);
  } catch (error) {
    const message = codeOf(error) === 'ENOENT' ? 'there is no such folder of agents.' : messageOf(error);
    return { agents: [], problems: [{ file: dir, message }], files: [] };
  }
  return await loadFiles(found, { settings, ...(mcp ? { mcp } : {}) });
}

/**
 * Those agents alone that these files define, absolute: what a process loads that must not run the code of others.
 * @param given.releases of agents elsewhere, by name, which these may have as sub-agents
 */
export const loadAgentFiles = (
  files: readonly string[],
  given: LoadWith & Required<Pick<LoadWith, 'mcp' | 'releases'>>,
): Promise<LoadedAgents> =>
  loadFiles(
    files.map((file) => ({ file, mustDefine: false })),
    given,
  );

interface LoadWith {
  settings: LoadSettings;
  releases?: { readonly [agent: string]: string };
  /** @see BuildReleaseOptions */
  mcp?: McpServers;
}

async function loadFiles(found: readonly AgentFile[], given: LoadWith): Promise<LoadedAgents> {
  const codes = await Promise.all(found.map(({ file }) => codeOrProblem(file)));
  const results: FileResult[] = [];
  // One after another: evaluating is synchronous work, and agents that print at load do so in a fixed order.
  for (const [at, entry] of found.entries()) {
    const code = codes[at];
    if (code) results.push(await loadFile(entry, code, given.settings));
  }
  return await released(results, given);
}

async function codeOrProblem(file: string): Promise<AgentCode | SourceProblem> {
  try {
    return await agentCode(file);
  } catch (error) {
    return error instanceof AgentCodeError ? error.problem : sourceProblem(error, [file]);
  }
}

async function loadFile(
  { file, mustDefine }: AgentFile,
  code: AgentCode | SourceProblem,
  settings: LoadSettings,
): Promise<FileResult> {
  if (!('hash' in code)) return { file, code: '', agents: [], problems: [code], inputs: [file, code.file] };
  const result: FileResult = { file, code: code.hash, agents: [], problems: [], inputs: [file, ...code.inputs] };
  let agents: AnyAgent[];
  try {
    const exported = await loadSource(file, { cacheDir: compileCache(settings.stateDir) });
    agents = [...new Set(Object.values(exported).filter(isAgent))];
  } catch (error) {
    return { ...result, problems: [sourceProblem(error, [file, ...code.inputs])] };
  }
  if (agents.length === 0 && mustDefine) {
    return { ...result, problems: [{ file, message: 'it exports no agent: export what defineAgent returns.' }] };
  }
  const instructions = agents.flatMap((agent) => instructionsFile(agent, file) ?? []);
  return { ...result, agents, inputs: [...result.inputs, ...instructions] };
}

/** A release of each agent, of sub-agents before those that have them. */
async function released(results: readonly FileResult[], given: LoadWith): Promise<LoadedAgents> {
  const { homes, problems } = homesOf(results);
  const found = new Map<string, FoundAgent>();
  const failed = new Set<string>();
  const releaseOf: ReleaseOf = (name) => {
    const release = found.get(name)?.release ?? (homes.has(name) ? undefined : given.releases?.[name]);
    if (release !== undefined) return release;
    const why =
      homes.has(name) || failed.has(name)
        ? 'is not served, for a problem of its own'
        : 'is exported by no file of agents: export it, as any agent';
    throw new Error(`its sub-agent ${name} ${why}.`);
  };
  const release = async (name: string, above: readonly string[]): Promise<void> => {
    const home = homes.get(name);
    if (!home || found.has(name) || failed.has(name)) return;
    const { agent, result } = home;
    try {
      const line = [...above, name];
      // By name, as it is pinned: in an agent's own definition another of that name may stand.
      if (above.includes(name)) throw new Error(`it is a sub-agent of itself: ${line.join(' → ')}.`);
      for (const sub of subAgentsOf(agent)) await release(sub.name, line);
      const { settings, mcp } = given;
      const made = await buildRelease(agent, {
        ...{ file: result.file, settings, code: result.code, releaseOf },
        ...(mcp ? { mcp } : {}),
      });
      found.set(name, { ...made, file: result.file });
    } catch (error) {
      if (failed.has(name)) return;
      failed.add(name);
      problems.push({ file: result.file, message: `agent ${name}: ${messageOf(error)}` });
    }
  };
  for (const name of homes.keys()) await release(name, []);
  const agents = [...found.values()].sort((a, b) => (a.agent.name < b.agent.name ? -1 : 1));
  const conflicts = toolboxConflicts(agents);
  const left = withoutOrphans(
    agents.filter((agent) => !conflicts.some(({ file }) => file === agent.file)),
    new Set(agents.map(({ agent }) => agent.name)),
  );
  return {
    agents: left.agents,
    problems: [...problems, ...conflicts, ...left.problems],
    files: [...new Set(results.flatMap((result) => result.inputs))].sort(),
  };
}

/** Whose sub-agent is not served is not served either: its calls would wait for a release that nobody has. */
function withoutOrphans(
  agents: readonly FoundAgent[],
  all: ReadonlySet<string>,
): Pick<LoadedAgents, 'agents' | 'problems'> {
  const served = new Set(agents.map(({ agent }) => agent.name));
  const missing = ({ agent }: FoundAgent): string | undefined =>
    subAgentsOf(agent).find(({ name }) => all.has(name) && !served.has(name))?.name;
  const orphans = agents.filter(missing);
  if (orphans.length === 0) return { agents: [...agents], problems: [] };
  const problems = orphans.map((one) => ({
    file: one.file,
    message: `agent ${one.agent.name}: its sub-agent ${missing(one) ?? ''} is not served, for a problem of its own.`,
  }));
  const rest = withoutOrphans(
    agents.filter((one) => !orphans.includes(one)),
    all,
  );
  return { agents: rest.agents, problems: [...problems, ...rest.problems] };
}

interface Home {
  agent: AnyAgent;
  result: FileResult;
}

function homesOf(results: readonly FileResult[]): { homes: Map<string, Home>; problems: SourceProblem[] } {
  const problems = results.flatMap((result) => result.problems);
  const homes = new Map<string, Home>();
  const names = new Set(results.flatMap(({ agents }) => agents.map(({ name }) => name)));
  for (const name of [...names].sort()) {
    const files = results.filter(({ agents }) => agents.some((agent) => agent.name === name));
    // A file that passes on another's agent is not its home.
    const result = files.find(({ file }) => files.every((other) => other.inputs.includes(file)));
    const mine = result?.agents.filter((agent) => agent.name === name) ?? [];
    const [agent] = mine;
    if (agent && result && mine.length === 1) homes.set(name, { agent, result });
    else problems.push(sameName(name, files));
  }
  return { homes, problems };
}

/** None of them is served: which one a run got would depend on the order of the files. */
function sameName(name: string, homes: readonly FileResult[]): SourceProblem {
  const [file = '', ...others] = homes.map((home) => home.file);
  const where = others.length === 0 ? 'another in the same file' : `one in ${others.join(', ')}`;
  return { file, message: `two agents are named "${name}", this and ${where}; rename one.` };
}

async function agentFiles(dir: string): Promise<AgentFile[]> {
  const found: AgentFile[] = [];
  const taken = new Set<string>();
  const names = (await readdir(dir)).sort();
  for (const name of names) {
    if (name.startsWith('.') || name === 'node_modules') continue;
    const full = path.join(dir, name);
    if ((await stat(full).catch(() => undefined))?.isDirectory()) {
      const inside = await readdir(full);
      const entry = SOURCE_EXTENSIONS.map((extension) => `agent${extension}`).find((file) => inside.includes(file));
      if (entry !== undefined) found.push({ file: path.join(full, entry), mustDefine: true });
    }
  }
  // In the order of extensions: where a compiler put its output beside the source, the source is the agent.
  for (const extension of SOURCE_EXTENSIONS) {
    for (const name of names.filter((file) => path.extname(file) === extension)) {
      const stem = name.slice(0, -extension.length);
      if (taken.has(stem) || /(^\.)|(\.(test|spec|d|config)$)/.test(stem)) continue;
      taken.add(stem);
      found.push({ file: path.join(dir, name), mustDefine: false });
    }
  }
  return found;
}
