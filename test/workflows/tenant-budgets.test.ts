// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. Two tenants with budgets of a day: one uses its
// own up, the other goes on; and what `longhaul quota` and `longhaul doctor` say of them.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { BudgetSettings } from '../../activities/gateway/quota/tenant-budgets';
import { quotaCommand } from '../../client/cli/commands/quota';
import { checkQuotas } from '../../client/cli/quota-checks';
import { createContext, type CliContext } from '../../client/cli/context';
import { createOutput } from '../../client/cli/output';
import { loadSettings } from '../../workers/config';
import { budgetId } from '../../workflows/contract/names';
import { keptStream, testProject } from '../cli/given';
import { script } from '../kit';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

const DAY_MS = 86_400_000;
const MOST = 100_000;
const day = (most: number) => ({ windows: [{ of: 'tokens' as const, perMs: DAY_MS, most }] });
const budgets: BudgetSettings = { default: day(MOST), tenants: { globex: day(2 * MOST), initech: undefined } };
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
const looker = defineAgent({ name: 'looker', model: 'test/model', instructions: 'Look.', tools: [look] });
const used = useStack({ script: script() }, { agents: [looker], budgets });

const turn = (at: number) => ({
  calls: [{ name: 'look', args: { at } }],
  text: `Page ${at} is read.`,
  usage: { input: 33_000, output: 330 },
});
const spending = () => script([turn(0), turn(1), turn(2)]).answer('All read.', { usage: { input: 900, output: 10 } });
const start = (id: string, tenant: string) =>
  used.stack.client.agent<typeof looker>('looker').start('go', { id, tenant });

/** A command, or a check, as a user of this stack would have it. */
async function asUser<T>(
  json: boolean,
  work: (context: CliContext, stdout: () => string) => Promise<T>,
  changed: Partial<CliContext['settings']> = {},
): Promise<T> {
  const project = testProject();
  const { server } = used.stack;
  const env = { TEMPORAL_CONFIG_FILE: '', TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace };
  const stdout = keptStream();
  const settings = { ...(await loadSettings({ cwd: project.dir, env })), taskQueue: 'agents', budgets, ...changed };
  const output = createOutput({ stdout, stderr: keptStream(), json, env: {} });
  const context = createContext({ settings, output, env, cwd: project.dir });
  try {
    return await work(context, () => stdout.text());
  } finally {
    await context.close();
    project.remove();
  }
}
const shown = (json: boolean): Promise<string> =>
  asUser(json, async (context, stdout) => {
    expect(await quotaCommand(context)).toBe(0);
    return stdout();
  });

test('one tenant uses its budget up and is told before; its run ends with what it had, and another tenant goes on', async () => {
  const { model } = used;
  model.setScript(spending());
  const result = await (await start('spends', 'acme')).result();
  expect(result).toMatchObject({
    outcome: 'budget-exhausted',
    failure: {
      type: 'Budget.TenantExhausted',
      message: expect.stringMatching(
        /^tenant acme may use 100000 tokens a day, and 99990 are used: the next request to test\/model takes at least \d+\. Room for it returns by \d{4}-\d\d-\d\d \d\d:\d\d UTC\.$/,
      ),
    },
    achieved: 'Page 2 is read.',
    totals: { modelCalls: 3 },
  });
  const asked = model.requests().map(({ body }) => body?.toString() ?? '');
  expect(asked).toHaveLength(3);
  expect(asked[1]).toContain('33330 of the 100000 tokens that all runs like this one may use together within a day');
  expect(asked[2]).toContain('after this answer there is nothing for another. Give your final answer now');
  model.setScript(spending());
  expect(await (await start('goes-on', 'globex')).result()).toMatchObject({
    outcome: 'completed',
    output: 'All read.',
  });
});

test('a new worker knows what was used: a run of that tenant ends before it has asked anything', async () => {
  await used.stack.restartWorker();
  const before = used.model.requests().length;
  const result = await (await start('too-late', 'acme')).result();
  expect(result).toMatchObject({ outcome: 'budget-exhausted', failure: { type: 'Budget.TenantExhausted' } });
  expect(used.model.requests()).toHaveLength(before);
});

test('a tenant without a budget has no workflow, and asks nobody', async () => {
  used.model.setScript(spending());
  expect(await (await start('free', 'initech')).result()).toMatchObject({ outcome: 'completed' });
  const { temporal } = used.stack;
  await expect(temporal.workflow.getHandle(budgetId('agents', 'initech')).describe()).rejects.toThrow(/not found/);
});

test('`longhaul quota` shows the budgets of those that are named and of those that have asked', async () => {
  const { budgets: told } = z
    .object({
      budgets: z.array(z.object({ tenant: z.string(), view: z.looseObject({ limits: z.array(z.unknown()) }) })),
    })
    .parse(JSON.parse(await shown(true)));
  expect(told).toMatchObject([
    { tenant: 'acme', view: { limits: [{ of: 'tokens', perMs: DAY_MS, most: MOST, used: 99_990 }] } },
    { tenant: 'globex', view: { limits: [{ of: 'tokens', most: 2 * MOST, used: 100_900 }] } },
  ]);
  const text = await shown(false);
  expect(text).toMatch(/acme +tokens a day +100000 +99990 +0/);
  expect(text).toMatch(/globex +tokens a day +200000 +100900 +0/);
});

test('where nobody has asked yet `longhaul quota` says that', async () => {
  const told = await asUser(false, async (context, stdout) => ({ code: await quotaCommand(context), text: stdout() }), {
    taskQueue: 'others',
    budgets: { default: day(MOST), tenants: {} },
  });
  expect(told).toEqual({ code: 0, text: 'budgets: no tenant has asked for anything of its own yet.\n' });
});

test('`longhaul doctor` says what is limited, and whether anybody gives leave to send', async () => {
  expect(await asUser(true, (context) => checkQuotas(context))).toEqual([
    { name: 'quotas', state: 'ok', found: 'budgets of globex, all other tenants; served on agents.control' },
  ]);
});
