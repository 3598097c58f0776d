// Needs nothing but a temporary folder. What a configuration may say of the budgets of tenants, and what is refused with its place.
import { limitsOfTenant, type BudgetSettings } from '../../activities/gateway/quota/tenant-budgets';
import { loadSettings, type Settings } from '../../workers/config';
import { tempProject, type TempProject } from './temp-project';

const DAY_MS = 86_400_000;
const projects: TempProject[] = [];
afterAll(() => projects.forEach((made) => made.remove()));

function load(text: string): Promise<Settings> {
  const made = tempProject({ 'package.json': '{}', 'longhaul.config.ts': `export default ${text};\n` });
  projects.push(made);
  return loadSettings({ cwd: made.folder, env: {} });
}
async function budgetsOf(text: string): Promise<BudgetSettings> {
  const { budgets } = await load(`{ budgets: { tenants: ${text} } }`);
  if (!budgets) throw new Error('it has no budgets');
  return budgets;
}

test.each([
  ['{ acme: {} }', "budgets.tenants.acme: it names no limit: give tokensPerDay or usdPerDay, or write 'unlimited'"],
  ['{}', 'budgets.tenants: it limits no tenant: give one of them, or default, tokensPerDay or usdPerDay'],
  ["{ default: 'unlimited', acme: 'unlimited' }", 'budgets.tenants: it limits no tenant'],
  ['{ acme: { tokensPerDay: 0 } }', 'budgets.tenants.acme.tokensPerDay: it is above zero'],
  ['{ default: { tokensPerDay: -5 } }', 'budgets.tenants.default.tokensPerDay: it is above zero'],
  ['{ acme: { tokensPerDay: 1.5 } }', 'budgets.tenants.acme.tokensPerDay: it is a whole number'],
  ['{ "a b": { usdPerDay: 0 } }', 'budgets.tenants["a b"].usdPerDay: it is at least 0.000001'],
  ['{ acme: { usdPerDay: 1e-9 } }', 'budgets.tenants.acme.usdPerDay: it is at least 0.000001'],
  ['{ acme: { usdPerDay: 1e300 } }', 'budgets.tenants.acme.usdPerDay: it is at most 1000000'],
  ['[]', 'budgets.tenants: it is an object: { default: { tokensPerDay }, NAME: { usdPerDay } }'],
  ['5', 'budgets.tenants: it is an object: '],
  ["{ '': { tokensPerDay: 5 } }", 'budgets.tenants'],
  ["{ acme: { usdPerDay: 'much' } }", 'budgets.tenants.acme.usdPerDay: it is a number'],
  ['{ acme: { usdPerDay: Infinity } }', 'budgets.tenants.acme.usdPerDay: it is a number'],
  ['{ acme: { tokens: 5 } }', 'budgets.tenants.acme.tokens: there is no such setting'],
  [
    '{ acme: { tokensPerDay: 5, tokensPerMinute: 5 } }',
    'budgets.tenants.acme.tokensPerMinute: there is no such setting',
  ],
  ['{ acme: 5 }', "budgets.tenants.acme: it is { tokensPerDay, usdPerDay }, or 'unlimited'"],
  ["{ acme: 'none' }", "budgets.tenants.acme: it is { tokensPerDay, usdPerDay }, or 'unlimited'"],
])('%s is refused with its place', async (tenants, problem) => {
  await expect(load(`{ budgets: { tenants: ${tenants} } }`)).rejects.toThrow(`longhaul.config.ts: ${problem}`);
});

test('budgets without tenants are refused, and without budgets nobody is limited', async () => {
  await expect(load('{ budgets: {} }')).rejects.toThrow('longhaul.config.ts: budgets.tenants:');
  expect(await load('{}')).not.toHaveProperty('budgets');
});

test('a named tenant has its own and nothing of the default; every other has the default for itself', async () => {
  const budgets = await budgetsOf(
    "{ default: { tokensPerDay: 100 }, acme: { usdPerDay: 2.5 }, ours: 'unlimited', both: { tokensPerDay: 7, usdPerDay: 1 } }",
  );
  expect(limitsOfTenant(budgets, 'acme')).toEqual({ windows: [{ of: 'usd', perMs: DAY_MS, most: 2_500_000 }] });
  expect(limitsOfTenant(budgets, 'ours')).toBeUndefined();
  expect(limitsOfTenant(budgets, 'both')?.windows).toHaveLength(2);
  for (const other of ['globex', 'default', 'toString', '__proto__'])
    expect(limitsOfTenant(budgets, other)).toEqual({ windows: [{ of: 'tokens', perMs: DAY_MS, most: 100 }] });
});

test('without a default nobody but the named is limited', async () => {
  const budgets = await budgetsOf('{ acme: { tokensPerDay: 5 } }');
  expect(limitsOfTenant(budgets, 'globex')).toBeUndefined();
});

test('doctor is told each budget', async () => {
  const { described } = await load(
    "{ budgets: { tenants: { default: { tokensPerDay: 100, usdPerDay: 2 }, ours: 'unlimited' } } }",
  );
  expect(described.filter(({ what }) => what.startsWith('budget'))).toEqual([
    { what: 'budget of ours', value: 'unlimited', source: 'longhaul.config.ts' },
    { what: 'budget of other tenants', value: '100 tokens a day, 2.00 USD a day', source: 'longhaul.config.ts' },
  ]);
});
