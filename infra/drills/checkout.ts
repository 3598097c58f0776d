// Where a drill finds what it drives: this checkout's built command line and a Temporal CLI.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findTemporalCli } from '../temporal/find-cli';

/** A drill runs from source under a test runner and from dist/ as a command. */
export const TOP = join(__dirname, ...(__filename.endsWith('.ts') ? ['..', '..'] : ['..', '..', '..']));
/** Agents are TypeScript, loaded as a user's are, so always from source. */
export const DRILL_AGENTS = join(TOP, 'infra', 'drills', 'agents');
const CLI = join(TOP, 'dist', 'client', 'cli', 'main.js');

/** @throws Error when the command line is not built */
export function builtCli(): string {
  if (existsSync(CLI)) return CLI;
  throw new Error(`${CLI} is missing: run "npm run build" first.`);
}

/** Found once, so that a fresh state folder a case costs no fetch a case. */
export const temporalCliPath = async (): Promise<string> =>
  (await findTemporalCli({ env: process.env, cacheDir: join(TOP, '.longhaul', 'bin') })).path;

/**
 * The environment of a started command line: this process's, without what would lead it to another server, model or
 * folder than the drill's own, and with what the drill sets.
 */
export function drillEnv(own: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(TEMPORAL_|LONGHAUL_|OPENAI_|ANTHROPIC_|INIT_CWD$|NODE_OPTIONS$|JEST_)/.test(name),
  );
  return { ...Object.fromEntries(inherited), ...own };
}
