// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A short `npm run drill:cost`: what `longhaul cost`
// says is what the model server has billed, to the token, over retries, fallbacks and cut streams.
import { compareLedgers, ledgerFaults, ledgerOptions, ledgerTurn, playLedger } from '../stack/cost-ledger';
import { useStack } from '../stack/use-stack';

jest.setTimeout(240_000);

const RUNS = 60;
const used = useStack({ respond: ledgerTurn }, ledgerOptions);

test('what was answered is told to the token and the billionth of a dollar, of each model; what was cut, apart', async () => {
  const kinds = await playLedger(used, { runs: RUNS, seed: 1, width: 6 });
  for (const kind of ['429', '500', 'cut early', 'cut late', 'both', 'drop']) expect(kinds[kind]).toBeGreaterThan(0);
  const { models, total, sums } = await compareLedgers(used);
  expect(ledgerFaults(models)).toEqual([]);
  for (const { billed, cut } of models) {
    expect(billed.cachedInput).toBeGreaterThan(0);
    expect(billed.reasoning).toBeGreaterThan(0);
    expect(cut).toBeGreaterThanOrEqual(0);
  }
  const cut = models.reduce((sum, one) => sum + one.cut, 0);
  expect(cut).toBeGreaterThan(5);
  expect(total).toMatchObject({ runs: RUNS, inVain: { requests: cut } });
  // By whatever it is told, it is the same sum.
  for (const kind of ['input', 'cachedInput', 'output', 'reasoning'] as const)
    expect(sums.reduce((sum, { usage }) => sum + usage[kind], 0)).toBe(total.usage[kind]);
  expect(sums.reduce((sum, { cost }) => sum + (cost?.nanoUsd ?? 0), 0)).toBe(total.cost?.nanoUsd);
  // The comparison sees a token too many.
  const [first, ...others] = models;
  if (!first) throw new Error('no model was asked');
  const wrong = { ...first, told: { ...first.told, reasoning: first.told.reasoning + 1 } };
  expect(ledgerFaults([wrong, ...others])).toEqual([
    `one/model reasoning: billed ${first.billed.reasoning}, told ${first.billed.reasoning + 1}`,
  ]);
});
