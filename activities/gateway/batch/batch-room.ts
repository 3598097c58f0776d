// How many tasks one call of a release may hold, and how many tokens.
import type { ReleaseManifest } from '../../../workflows/contract/release';
import { outputLimitOf, windowOf } from '../../context/model-window';
import type { LoadedAgent } from '../../deps';
import { counterOf } from '../../edited-conversation';
import { answersSchema, ENTRY_TOKENS, instructionsOf } from './shared-request';

export interface BatchRoom {
  /** Tasks. Below 2 where no two fit: then each has a call of its own. */
  size: number;
  /** For the tasks, beside what comes once. */
  tokens: number;
  /** What comes once: instructions, rules, schema. */
  overhead: number;
}

/** Of the window: the rest is slack for vocabularies that are not known, and attention, which thins out long before a window's end. */
const WINDOW_SHARE = 1 / 2;
const TOKENS_WHERE_UNKNOWN = 32_000;
/** Around each task: its number and quotes. */
const TASK_TOKENS = 12;

/** By the manifest, of which a worker keeps one object: instructions are counted once. */
const KNOWN = new WeakMap<ReleaseManifest, BatchRoom>();

export function batchRoom(loaded: LoadedAgent): BatchRoom {
  const known = KNOWN.get(loaded.manifest) ?? roomOf(loaded);
  KNOWN.set(loaded.manifest, known);
  return known;
}

function roomOf(loaded: LoadedAgent): BatchRoom {
  const { manifest } = loaded;
  const { route } = manifest.model;
  const windows = [manifest.context?.window, ...route.map(windowOf)].filter((one) => one !== undefined);
  const most = Math.floor(Math.min(...windows) * WINDOW_SHARE);
  const overhead = counterOf(loaded).countText(
    `${instructionsOf(manifest)}${JSON.stringify(answersSchema(manifest.output))}`,
  );
  const answers = Math.min(...route.map(outputLimitOf).filter((one) => one !== undefined));
  const cap = answerCapOf(loaded);
  return {
    size: Math.min(manifest.batch?.size ?? 1, cap === 0 ? Infinity : Math.floor(answers / cap)),
    tokens: Math.min(manifest.batch?.tokens ?? (windows.length > 0 ? most : TOKENS_WHERE_UNKNOWN), most) - overhead,
    overhead,
  };
}

/** Tokens that a task takes of a call's room: what is read of it, and what its answer may be. */
export const weightOf = (loaded: LoadedAgent, input: string): number =>
  inputTokensOf(loaded, input) + answerCapOf(loaded);

export const inputTokensOf = (loaded: LoadedAgent, input: string): number =>
  counterOf(loaded).countText(JSON.stringify(input)) + TASK_TOKENS;

/** 0 where the agent caps nothing. */
function answerCapOf({ manifest }: LoadedAgent): number {
  const cap = manifest.model.parameters['maxOutputTokens'];
  return typeof cap === 'number' ? cap + ENTRY_TOKENS : 0;
}
