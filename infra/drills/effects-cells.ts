// What may become of each kind of effect under each fault, and what did.
import type { Asked, EffectKill, EffectsRun, Told } from './effects-run';

/** A tool of the cashier for each kind of effect. */
export const KINDS = {
  look_up: 'read',
  set_price: 'idempotent',
  charge: 'keyed',
  transfer: 'at-most-once, looks it up',
  post_letter: 'at-most-once',
} as const;
export type Kind = keyof typeof KINDS;
export const TOOLS = ['look_up', 'set_price', 'charge', 'transfer', 'post_letter'] as const satisfies readonly Kind[];

/** Faults that need no kill: by the item's name, the till makes them. */
export const FAULTS = { error: 'error', silent: 'timeout', nonsense: 'bad output' } as const;

/** Where everything is killed in the one call of a run. The model's answer is stored first, so the call's own put is the second. */
export const CRASHES = {
  'crash before': { item: 'plain', kill: { failpoint: 'tool.before', nth: 1 } },
  'crash during': { item: 'hold', kill: undefined },
  'crash after': { item: 'plain', kill: { failpoint: 'tool.after', nth: 1 } },
  'crash at the put': { item: 'plain', kill: { failpoint: 'store.before-put', nth: 2 } },
} as const satisfies Record<string, { item: string; kill: EffectKill | undefined }>;
export type Crash = keyof typeof CRASHES;

export function crashOf(crash: Crash, tool: Kind): { asked: Asked; kill: EffectKill } {
  const { item, kill } = CRASHES[crash];
  const asked = { tool, item: `${item}-${crash.replaceAll(' ', '-')}` };
  return { asked, kill: kill ?? { done: asked, afterMs: 0 } };
}

/** Where one is allowed not to know: nobody can be asked, and the attempt was cut off, or failed, once it could have acted. */
const mayBeUnknown = (tool: string, fault: string): boolean =>
  tool === 'post_letter' && fault !== 'crash before' && fault !== 'bad output';

/** What the world was changed by: a read by nothing, what may be repeated once, what has a key once for each. */
export function effectsOf({ tool, done, keys }: Told): number {
  if (tool === 'look_up') return 0;
  if (tool === 'set_price') return Math.min(1, done);
  return tool === 'charge' ? keys : done;
}

/** @returns what is wrong, in words; nothing where it is as it must be */
export function problemsOf(told: Told, fault: string): string[] {
  const isUnknown = told.failure === 'Tool.OutcomeUnknown';
  const effects = effectsOf(told);
  const about = `${told.tool}, ${fault}`;
  const problems: string[] = [];
  if (told.failure === 'no record') problems.push(`${about}: the call has no record`);
  if (effects > 1) problems.push(`${about}: done ${effects} times`);
  if (isUnknown && !mayBeUnknown(told.tool, fault)) problems.push(`${about}: unknown, although it can be known`);
  if (told.tool !== 'look_up' && effects === 0 && !isUnknown)
    problems.push(`${about}: not done, and not said to be unknown`);
  const isBad = fault === 'bad output' && told.failure === 'Tool.InvalidOutput';
  if (told.failure !== undefined && !isUnknown && !isBad) problems.push(`${about}: told ${told.failure}`);
  return problems;
}

export const endProblems = ({ code, stderr }: EffectsRun): string[] =>
  code === 0 ? [] : [`it ended with ${code}: ${stderr.split('\n').slice(-3).join(' ')}`];
