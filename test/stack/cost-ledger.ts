// Runs against a model server that fails in many ways, and what `longhaul cost` says of them beside what that server has billed.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { createPrices } from '../../activities/gateway/money/prices';
import { costsOf, type CostLine } from '../../client/cost/run-costs';
import type { Usage } from '../../workflows/contract/message';
import { seeded } from '../../infra/drills/seeded';
import type { Fault, ModelRequest, ModelServer, RequestRecord } from '../kit/model-server';
import type { ScriptTurn } from '../kit/script';
import type { TestStack, TestStackOptions } from './test-stack';

export const LEDGER_ROUTE = ['one/model', 'two/model'] as const;
/** Dollars per million tokens: of two models, so that one's tokens cannot stand for the other's. */
const PRICES = {
  'one/model': { input: 1, cachedInput: 0.1, output: 10 },
  'two/model': { input: 3, cachedInput: 0.5, output: 20 },
};

const lookUp = defineTool({
  name: 'look_up',
  description: 'Looks something up.',
  input: z.object({ of: z.string() }),
  output: z.object({ found: z.string() }),
  effect: 'read',
  run: ({ of }) => ({ found: `found ${of}` }),
});

const asker = defineAgent({
  name: 'asker',
  // As long as prompts are that a provider caches.
  instructions: `Look things up, then answer. ${'Say where it was found, when it was written, and who may read it. '.repeat(120)}`,
  tools: [lookUp],
});

export const ledgerOptions: Omit<TestStackOptions, 'modelUrl'> = {
  agents: [asker],
  route: LEDGER_ROUTE,
  prices: createPrices({ prices: PRICES, providers: [] }),
};

/** Each run has two turns of its own, with cached and reasoning tokens of their own: the same for every attempt. */
export function ledgerTurn({ messages }: ModelRequest): ScriptTurn {
  const said = messages.filter(({ role }) => role === 'assistant').length;
  const nth = Number(/run (\d+)/.exec(messages.map(({ text }) => text).join('\n'))?.[1] ?? 0);
  const usage = { cached: 1_024 + 128 * (nth % 3), reasoning: 11 + (nth % 17) };
  // So long that a cut leaves none of them whole: what came whole is an answer, though its server thinks it cut.
  const of = `thing ${nth}, ${'with all that is known of it, '.repeat(8)}and no more`;
  if (said === 0) return { calls: [{ name: 'look_up', args: { of } }], usage };
  const text = `The answer of run ${nth} is what was found, in some more words so that its stream can be cut in the middle.`;
  return { text, usage };
}

const FAULTS = ['none', 'none', '429', '500', 'cut early', 'cut late', 'both', 'drop', 'slow'] as const;
type Kind = (typeof FAULTS)[number];

/** Whoever of the route is asked for that turn of that run. @param nth of the requests for it, from 1 */
const struck = (run: number, turn: number, nth: number, action: Fault['do']): Fault => ({
  when: {
    nth,
    match: ({ messages }) =>
      messages.filter(({ role }) => role === 'assistant').length === turn &&
      messages.some(({ role, text }) => role === 'user' && text.includes(`run ${run}.`)),
  },
  do: action,
});

const ACTIONS: { readonly [kind in Kind]: readonly Fault['do'][] } = {
  none: [],
  '429': [{ status: 429, retryAfter: 0 }],
  '500': [{ status: 500 }],
  'cut early': [{ cutStreamAfterChunks: 2 }],
  'cut late': [{ cutStreamAfterChunks: 5 }],
  // All of the route: the next attempt of the call asks again.
  both: [{ cutStreamAfterChunks: 3 }, { status: 503 }],
  drop: [{ dropConnection: true }],
  slow: [{ slowStreamMsPerChunk: 20 }],
};

const faultsOf = (run: number, kind: Kind, turn: number): Fault[] =>
  ACTIONS[kind].map((action, at) => struck(run, turn, at + 1, action));

export interface LedgerRuns {
  runs: number;
  seed: number;
  /** At once. */
  width: number;
  onEnded?(ended: number): void;
}

/** @returns how many runs had which faults */
export async function playLedger(
  { stack, model }: { stack: TestStack; model: ModelServer },
  { runs, seed, width, onEnded }: LedgerRuns,
): Promise<{ [kind: string]: number }> {
  const kinds: { [kind: string]: number } = {};
  const faults: Fault[] = [];
  for (let nth = 1; nth <= runs; nth += 1) {
    const kind = FAULTS[seeded(`${seed} ${nth} fault`, FAULTS.length)] ?? 'none';
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    faults.push(...faultsOf(nth, kind, seeded(`${seed} ${nth} turn`, 2)));
  }
  model.addFaults(...faults);
  let next = 1;
  let ended = 0;
  const worker = async (): Promise<void> => {
    for (let nth = next++; nth <= runs; nth = next++) {
      const run = await stack.client.agent<typeof asker>('asker').start(`Answer run ${nth}.`, { id: `ledger-${nth}` });
      const { outcome } = await run.result();
      if (outcome !== 'completed') throw new Error(`run ${nth} ended as ${outcome}`);
      onEnded?.((ended += 1));
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return kinds;
}

/** Tokens of each kind. */
export type Tokens = Pick<Usage, 'input' | 'cachedInput' | 'output' | 'reasoning'>;
const KINDS = ['input', 'cachedInput', 'output', 'reasoning'] as const;

export interface ComparedModel {
  model: string;
  /** What the server billed for requests that it answered to their end. */
  billed: Tokens;
  billedNanoUsd: number;
  /** The same, as the ledger has it. */
  told: Tokens;
  toldNanoUsd: number;
  /** Requests that were broken off with their answer begun: of the server, and as the ledger has them. */
  cut: number;
  toldCut: number;
  /** What those took: by the server, and as estimated. */
  cutTokens: number;
  toldCutTokens: number;
}

const NO_TOKENS: Tokens = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const plus = (a: Tokens, b: Tokens, sign = 1): Tokens => ({
  input: a.input + sign * b.input,
  cachedInput: a.cachedInput + sign * b.cachedInput,
  output: a.output + sign * b.output,
  reasoning: a.reasoning + sign * b.reasoning,
});

const billedOf = ({ usage }: RequestRecord): Tokens =>
  usage
    ? { input: usage.input, cachedInput: usage.cached, output: usage.output, reasoning: usage.reasoning }
    : NO_TOKENS;

/** In billionths: a price of a dollar per million is a thousand of them a token. */
function nanoUsdOf(model: string, { input, cachedInput, output }: Tokens): number {
  const price = model === 'one/model' ? PRICES['one/model'] : PRICES['two/model'];
  return Math.round(
    1_000 * ((input - cachedInput) * price.input + cachedInput * price.cachedInput + output * price.output),
  );
}

/** Of what runs have cost, and of what the server has seen. */
export async function compareLedgers({ stack, model }: { stack: TestStack; model: ModelServer }): Promise<{
  models: ComparedModel[];
  total: CostLine;
  sums: CostLine[];
}> {
  const [byModel, byAgent] = await Promise.all([
    costsOf(stack.store, { by: ['model'] }),
    costsOf(stack.store, { by: ['agent'] }),
  ]);
  const seen = model.requests().filter(({ method }) => method === 'POST');
  const models = LEDGER_ROUTE.map((name): ComparedModel => {
    const own = seen.filter(({ headers }) => `${headers['x-provider']}/model` === name);
    const answered = own.filter(({ outcome }) => outcome === 'answered');
    const cut = own.filter(({ outcome, usage }) => outcome === 'cut' && usage !== undefined);
    const line = byModel.costs.find(({ key }) => key.model === name);
    const unanswered = line?.inVain?.unanswered ?? NO_TOKENS;
    const told = plus(line?.usage ?? NO_TOKENS, unanswered, -1);
    return {
      model: name,
      billed: answered.map(billedOf).reduce((sum, one) => plus(sum, one), NO_TOKENS),
      billedNanoUsd: answered.map((one) => nanoUsdOf(name, billedOf(one))).reduce((sum, one) => sum + one, 0),
      told,
      toldNanoUsd: (line?.cost?.nanoUsd ?? 0) - nanoUsdOf(name, { ...NO_TOKENS, ...unanswered }),
      cut: cut.length,
      toldCut: line?.inVain?.requests ?? 0,
      cutTokens: cut.map(billedOf).reduce((sum, { input, output }) => sum + input + output, 0),
      toldCutTokens: unanswered.input + unanswered.output,
    };
  });
  return { models, total: byAgent.total, sums: byModel.costs };
}

/** Where the two do not say the same of what was answered, or of how many were cut; none where they do. */
export function ledgerFaults(models: readonly ComparedModel[]): string[] {
  return models.flatMap(({ model, billed, told, billedNanoUsd, toldNanoUsd, cut, toldCut }) => [
    ...KINDS.flatMap((kind) =>
      billed[kind] === told[kind] ? [] : [`${model} ${kind}: billed ${billed[kind]}, told ${told[kind]}`],
    ),
    ...(billedNanoUsd === toldNanoUsd ? [] : [`${model} nanoUsd: billed ${billedNanoUsd}, told ${toldNanoUsd}`]),
    ...(cut === toldCut ? [] : [`${model} cut: ${cut}, told ${toldCut}`]),
  ]);
}
