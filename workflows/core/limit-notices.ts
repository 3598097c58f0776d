// What the model is told when a limit of its run is near, so that it can conclude instead of being cut off. Pure: the clock is handed in.
//
// Nothing of it is carried but the names of what was told: until the model has answered, a wait, a compaction or the next execution
// begins here anew, with what is left by then.
import { usdText } from '../contract/cost';
import type { CarriedState, NearLimit, RunLimits } from '../contract/run';
import { moneyLeft, wallLeftMs } from './limits';

/** Whose approach it tells. Undefined where the limit is not the run's own, which nobody can extend. */
export const LIMIT_OF: Readonly<Record<NearLimit, keyof RunLimits | undefined>> = {
  turns: 'turns',
  'last-turn': 'turns',
  'tool-calls': 'toolCalls',
  'no-tool-calls': 'toolCalls',
  'model-calls': 'modelCalls',
  'last-call': 'modelCalls',
  tokens: 'tokens',
  usd: 'nanoUsd',
  'last-usd': 'nanoUsd',
  wall: 'wallMs',
  tenant: undefined,
  'last-tenant': undefined,
};

export interface LimitNotice {
  /** Kept in `CarriedState.warned` once the model has answered to it. */
  about: NearLimit[];
  text: string;
}

/** Used so far: what is left must be enough for a last round of tools and the answer. */
const NEAR = 0.9;
/** The last turn but one: there the model can still choose its last calls. */
const TURNS_NEAR = 2;

/**
 * @param kept of the turn that is about to be asked
 * @param hasTools a model without tools can only answer, so there is nothing to tell it
 * @returns what has not been told yet; undefined where that is nothing
 */
export function limitNotice(
  kept: CarriedState,
  limits: RunLimits,
  { now, hasTools }: { now: number; hasTools: boolean },
): LimitNotice | undefined {
  if (!hasTools) return undefined;
  const told = [
    turnsNotice(kept, limits),
    modelCallsNotice(kept, limits),
    toolCallsNotice(kept, limits),
    tokensNotice(kept, limits),
    moneyNotice(kept, limits),
    wallNotice(kept, limits, now),
    tenantNotice(kept),
  ].flatMap((notice) => (notice && !isTold(kept, notice) ? [notice] : []));
  if (told.length === 0) return undefined;
  return {
    about: told.map(({ about }) => about),
    text: [...told.map(({ text }) => text), told.some(isEnd) ? CONCLUDE_NOW : CONCLUDE_SOON].join(' '),
  };
}

interface Near {
  about: NearLimit;
  text: string;
}

const CONCLUDE_NOW = 'Give your final answer now, from what you know, and say in it what is left open.';
const CONCLUDE_SOON = 'Do what matters most, and give your final answer in time.';

const isTold = ({ warned = [] }: CarriedState, { about }: Near): boolean => warned.includes(about);
const ENDS: readonly NearLimit[] = ['last-turn', 'last-call', 'no-tool-calls', 'last-usd', 'last-tenant'];
const isEnd = ({ about }: Near): boolean => ENDS.includes(about);

function turnsNotice({ turn }: CarriedState, { turns }: RunLimits): Near | undefined {
  const left = turns - turn + 1;
  if (left <= 1)
    return {
      about: 'last-turn',
      text: `This is the last of the ${turns} answers that this run may have: nobody reads what further tool calls give.`,
    };
  // Before the model has said anything there is nothing to conclude.
  if (left > TURNS_NEAR || turn === 1) return undefined;
  return {
    about: 'turns',
    text: `${left} of the ${turns} answers that this run may have are left, this one included.`,
  };
}

function modelCallsNotice({ totals, turn }: CarriedState, { modelCalls }: RunLimits): Near | undefined {
  if (modelCalls === undefined) return undefined;
  const left = modelCalls - totals.modelCalls;
  if (left <= 1)
    return {
      about: 'last-call',
      text: `This is the last of the ${modelCalls} model calls that this run may make: nobody reads what further tool calls give.`,
    };
  if (left > TURNS_NEAR || turn === 1) return undefined;
  return { about: 'model-calls', text: `${left} of the ${modelCalls} model calls that this run may make are left.` };
}

function toolCallsNotice({ totals, lastTurn }: CarriedState, { toolCalls }: RunLimits): Near | undefined {
  const used = totals.toolCalls;
  const left = toolCalls - used;
  if (left <= 0)
    return {
      about: 'no-tool-calls',
      text: `All ${toolCalls} tool calls of this run are used: one more ends it without an answer.`,
    };
  // As many as the last time would be too many: the model asks for them at once, and all of them run or none.
  if (used < NEAR * toolCalls && left >= (lastTurn?.toolCalls ?? 0)) return undefined;
  return {
    about: 'tool-calls',
    text: `${used} of the ${toolCalls} tool calls of this run are used: to ask for more than ${left} ends it without an answer.`,
  };
}

function tokensNotice({ totals, lastTurn }: CarriedState, { tokens }: RunLimits): Near | undefined {
  if (tokens === undefined) return undefined;
  const used = totals.usage.input + totals.usage.output;
  // An answer takes at least what the one before took: the conversation has grown.
  if (used < NEAR * tokens && used + (lastTurn?.tokens ?? 0) < tokens) return undefined;
  return {
    about: 'tokens',
    text: `${used} of the ${tokens} tokens of this run are used, and each answer takes more than the one before: when they are used up, the run ends.`,
  };
}

/** Answers as dear as the newest, of which the last two are told: with the one there is a last round of tools, with the other none. */
const ANSWERS_NEAR = 3;

function moneyNotice(kept: CarriedState, limits: RunLimits): Near | undefined {
  const { nanoUsd } = limits;
  const left = moneyLeft(kept, limits);
  if (nanoUsd === undefined || left === undefined) return undefined;
  const spent = `${usdText(nanoUsd - left)} of the ${usdText(nanoUsd)} that this run may spend are spent`;
  const each = kept.lastTurn?.nanoUsd ?? 0;
  // Each costs at least what the one before did: the conversation has grown.
  if (each > 0 && left < 2 * each)
    return { about: 'last-usd', text: `${spent}: after this answer there is no money for another.` };
  if (left > (1 - NEAR) * nanoUsd && left >= ANSWERS_NEAR * each) return undefined;
  return {
    about: 'usd',
    text: `${spent}, and each answer costs more than the one before: when it is spent, the run ends.`,
  };
}

/** As with the run's own money; how soon others use up what is left, nobody knows. */
export function tenantNotice({ tenantLeft = [], lastTurn }: CarriedState): Near | undefined {
  const near = tenantLeft.flatMap(({ of, most, left }): Near[] => {
    const each = (of === 'usd' ? lastTurn?.nanoUsd : lastTurn?.tokens) ?? 0;
    const used = of === 'usd' ? usdText(most - left) : String(Math.round(most - left));
    const all = of === 'usd' ? usdText(most) : `${most} tokens`;
    const spent = `${used} of the ${all} that all runs like this one may use together within a day are used`;
    if (each > 0 && left < 2 * each)
      return [{ about: 'last-tenant', text: `${spent}: after this answer there is nothing for another.` }];
    if (left > (1 - NEAR) * most && left >= ANSWERS_NEAR * each) return [];
    return [{ about: 'tenant', text: `${spent}: when they are used up, the run ends.` }];
  });
  return near.find(isEnd) ?? near[0];
}

function wallNotice(kept: CarriedState, limits: RunLimits, now: number): Near | undefined {
  const { wallMs } = limits;
  if (wallMs === undefined) return undefined;
  const left = wallLeftMs(kept, limits, now);
  const passed = wallMs - left;
  const { turns } = kept.totals;
  // Another turn as long as those before would be cut off.
  if (passed < NEAR * wallMs && (turns === 0 || left > passed / turns)) return undefined;
  return {
    about: 'wall',
    text: `${seconds(passed)} of the ${seconds(wallMs)} s that this run may take have passed: when they are over, it ends.`,
  };
}

const seconds = (ms: number): number => Math.floor(ms / 1000);
