// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. What a sub-agent takes is taken of what its
// caller may spend, and of what their tenant may use a day.
import { agentTool, defineAgent } from '../../activities/define';
import type { BudgetSettings } from '../../activities/gateway/quota/tenant-budgets';
import { createPrices } from '../../activities/gateway/money/prices';
import { QUERY_NAMES, budgetId } from '../../workflows/contract/names';
import type { QuotaView } from '../../workflows/contract/quota';
import type { RunResult } from '../../client';
import { script, type Script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

const DAY_MS = 86_400_000;
const MICRO = 1_000_000;
/** Of acme, in dollars: three answers of the clerk and one of the boss are more. */
const A_DAY = 0.5;
const day = (usd: number) => ({ windows: [{ of: 'usd' as const, perMs: DAY_MS, most: usd * MICRO }] });
const budgets: BudgetSettings = { default: undefined, tenants: { acme: day(A_DAY), globex: day(10) } };
const clerk = defineAgent({
  name: 'clerk',
  description: 'Reads.',
  instructions: 'clerk',
  parameters: { maxOutputTokens: 5_000 },
});
const leading = {
  instructions: 'boss',
  parameters: { maxOutputTokens: 5_000 },
  tools: [agentTool(clerk)],
} as const;
const boss = defineAgent({ ...leading, name: 'boss', limits: { usd: 0.3 } });
/** No limit of its own: its tenant's counts. */
const owner = defineAgent({ ...leading, name: 'owner' });

const used = useStack(
  { script: script() },
  {
    agents: [clerk, boss, owner],
    budgets,
    prices: createPrices({ prices: { 'test/model': { input: 1, output: 10 } }, providers: [] }),
  },
);
/** A tenth of a dollar each. */
const tenth = { usage: { input: 50_000, output: 5_000 } };
const TENTH_NANO = 100_000_000;
const say = (scripts: { boss: Script; clerk: Script }): void =>
  used.model.setRespond(({ messages: [system] }) => (system?.text.startsWith('clerk') ? scripts.clerk : scripts.boss));
const callClerk = { calls: [{ name: 'clerk', args: { input: 'read' } }], ...tenth };
const answered = (): number => used.model.requests().length;
const costOf = ({ totals }: RunResult<unknown>): number => totals.cost?.nanoUsd ?? 0;

test('a sub-agent may spend what its caller has left, and the caller is told what it took', async () => {
  const before = answered();
  say({
    boss: script()
      .turn(callClerk)
      .turn(callClerk)
      .turn({ text: 'enough', ...tenth }),
    clerk: script().turn({ text: 'a page', ...tenth }),
  });
  const run = await used.stack.client.agent<typeof boss>('boss').start('go', { id: 'boss-1', tenant: 'globex' });
  const result = await run.result();
  // Boss, clerk and boss again: then nothing is left to ask the clerk with once more.
  expect(result).toMatchObject({ outcome: 'budget-exhausted', failure: { type: 'Budget.MoneyExhausted' } });
  expect(costOf(result)).toBe(3 * TENTH_NANO);
  expect(answered() - before).toBe(3);
  expect(result.totals.subAgentsCost).toEqual({ nanoUsd: TENTH_NANO });
});

test('what a sub-agent takes is its tenant’s: of all that is asked nothing is above the budget of the day', async () => {
  const before = answered();
  say({
    boss: script()
      .turn(callClerk)
      .turn(callClerk)
      .turn(callClerk)
      .turn({ text: 'enough', ...tenth }),
    clerk: script().turn({ text: 'a page', ...tenth }),
  });
  const run = await used.stack.client.agent<typeof owner>('owner').start('go', { id: 'owner-1', tenant: 'acme' });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'budget-exhausted', failure: { type: 'Budget.TenantExhausted' } });
  const made = answered() - before;
  expect(made).toBe(5);
  expect(costOf(result)).toBe(made * TENTH_NANO);
  const view = await used.stack.temporal.workflow
    .getHandle(budgetId('agents', 'acme'))
    .query<QuotaView>(QUERY_NAMES.quota);
  expect(view.limits).toMatchObject([{ of: 'usd', most: A_DAY * MICRO, used: A_DAY * MICRO }]);
  const other = await used.stack.client.agent<typeof boss>('boss').start('go', { id: 'boss-2', tenant: 'globex' });
  expect(await other.result()).toMatchObject({ failure: { type: 'Budget.MoneyExhausted' } });
});
