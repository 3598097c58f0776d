// Finds the agents of a folder and makes a release of each. What is broken is told, and keeps no other agent from loading.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isAgent, type AnyAgent } from '../activities/define';
import type { LoadedAgent } from '../activities/deps';
import type { McpServers } from '../activities/mcp/mcp-servers';
import { codeOf, messageOf } from '../infra/temporal/error-reason';
import { agentCode, AgentCodeError, type AgentCode } from './agent-code';
import { buildRelease, instructionsFile } from './build-release';
import type { Settings } from './config';
import type { RouteSettings } from './model-settings';
import type { PeopleSettings } from './people-settings';
import { toolboxConflicts } from './toolbox/toolbox-specs';
import { compileCache, loadSource, SOURCE_EXTENSIONS, sourceProblem, type SourceProblem } from './source-loader';

export type LoadSettings = RouteSettings & Pick<PeopleSettings, 'approvals'> & Pick<Settings, 'stateDir'>;

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

interface FileResult {
  file: string;
  agents: LoadedAgent[];
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

/** Those agents alone that these files define, absolute: what a process loads that must not run the code of others. */
export const loadAgentFiles = (
  files: readonly string[],
  settings: LoadSettings,
  mcp: McpServers,
): Promise<LoadedAgents> =>
  loadFiles(
    files.map((file) => ({ file, mustDefine: false })),
    { settings, mcp },
  );

interface LoadWith {
  settings: LoadSettings;
  /** @see BuildReleaseOptions */
  mcp?: McpServers;
}

async function loadFiles(found: readonly AgentFile[], given: LoadWith): Promise<LoadedAgents> {
  const codes = await Promise.all(found.map(({ file }) => codeOrProblem(file)));
  const results: FileResult[] = [];
  // One after another: evaluating is synchronous work, and agents that print at load do so in a fixed order.
  for (const [at, entry] of found.entries()) {
    const code = codes[at];
    if (code) results.push(await loadFile(entry, code, given));
  }
  return joined(results);
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
  { settings, mcp }: LoadWith,
): Promise<FileResult> {
  if (!('hash' in code)) return { file, agents: [], problems: [code], inputs: [file, code.file] };
  const result: FileResult = { file, agents: [], problems: [], inputs: [file, ...code.inputs] };
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
  for (const agent of agents) {
    const instructions = instructionsFile(agent, file);
    if (instructions !== undefined) result.inputs.push(instructions);
    try {
      result.agents.push(await buildRelease(agent, { file, settings, code: code.hash, ...(mcp ? { mcp } : {}) }));
    } catch (error) {
      result.problems.push({ file, message: `agent ${agent.name}: ${messageOf(error)}` });
    }
  }
  return result;
}

function joined(results: readonly FileResult[]): LoadedAgents {
  const problems = results.flatMap((result) => result.problems);
  const agents: FoundAgent[] = [];
  const names = new Set(results.flatMap((result) => result.agents.map(({ agent }) => agent.name)));
  for (const name of [...names].sort()) {
    const homes = results.filter((result) => result.agents.some(({ agent }) => agent.name === name));
    // A file that passes on another's agent is not its home.
    const home = homes.find(({ file }) => homes.every((other) => other.inputs.includes(file)));
    const mine = home?.agents.filter(({ agent }) => agent.name === name) ?? [];
    const [only] = mine;
    if (only && home && mine.length === 1) agents.push({ ...only, file: home.file });
    else problems.push(sameName(name, homes));
  }
  const conflicts = toolboxConflicts(agents);
  return {
    agents: agents.filter((agent) => !conflicts.some(({ file }) => file === agent.file)),
    problems: [...problems, ...conflicts],
    files: [...new Set(results.flatMap((result) => result.inputs))].sort(),
  };
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
