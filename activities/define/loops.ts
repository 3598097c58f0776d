// What a definition says about runs that go round in circles, checked and resolved.
import type { LoopPlan, LoopThreshold } from '../../workflows/contract/loops';
import { objectWith, whole } from './checked-parts';

export interface LoopOptions {
  /** The same call with the same result, among the newest turns (twice as many as `stop`). @default { warn: 3, stop: 6 } */
  repeats?: false | Partial<LoopThreshold>;
  /** Rounds of the same two to four turns. @default { warn: 3, stop: 5 } */
  cycles?: false | Partial<LoopThreshold>;
  /** Turns in a row of which every result was read before. @default { warn: 8, stop: 12 } */
  stale?: false | Partial<LoopThreshold>;
}

/** A third time is no accident; the warning is to have as many turns again to work. */
const DEFAULTS: Required<LoopPlan> = {
  repeats: { warn: 3, stop: 6 },
  cycles: { warn: 3, stop: 5 },
  stale: { warn: 8, stop: 12 },
};
const KINDS = ['repeats', 'cycles', 'stale'] as const;
/** Once is no loop. */
const WARN_LEAST = 2;
/** Several times as many turns are looked at before each model call. */
const STOP_MOST = 100;

/**
 * @returns undefined where no loop is to be looked for
 * @throws Error in one line, naming what is wrong
 */
export function loopPlan(agent: string, options: false | LoopOptions): LoopPlan | undefined {
  if (options === false) return undefined;
  const where = `agent ${agent}: loops`;
  objectWith(options, where, KINDS, 'false');
  const wanted = KINDS.flatMap((kind) => {
    const { [kind]: given = {} } = options;
    return given === false ? [] : [[kind, threshold(given, `${where}.${kind}`, DEFAULTS[kind])] as const];
  });
  return wanted.length === 0 ? undefined : Object.fromEntries(wanted);
}

function threshold(given: Partial<LoopThreshold>, where: string, defaults: LoopThreshold): LoopThreshold {
  objectWith(given, where, ['warn', 'stop'], 'false');
  const { warn = defaults.warn, stop = defaults.stop } = given;
  whole(warn, `${where}.warn`, WARN_LEAST);
  whole(stop, `${where}.stop`, WARN_LEAST + 1);
  if (stop > STOP_MOST)
    throw new Error(`${where}.stop is ${stop}: at most ${STOP_MOST}, or ${where}: false for never.`);
  if (stop <= warn) throw new Error(`${where} stops at ${stop} and warns at ${warn}: the warning comes first.`);
  return { warn, stop };
}
