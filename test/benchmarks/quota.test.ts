// Needs a Temporal CLI, which an embedded server is started from. The quota benchmark in short: what it counts, not what it times.
import { admissions, quotaFigures, QUOTA_SHORT } from './quota';

jest.setTimeout(300_000);

test.each(QUOTA_SHORT)(
  'three times $most $of, unevenly: what arrives is what the limit lets through',
  async (options) => {
    const { arrived } = await quotaFigures(options);
    // On a machine that is busy a request may be on its way for longer than the margin of so short a window: windows are for the long form.
    const windows = Math.ceil((options.seconds * 1_000) / options.perMs) + 1;
    expect(arrived).toBeLessThanOrEqual(options.most * windows);
    expect(arrived).toBeGreaterThan(options.most / 2);
  },
);

test('whoever holds a lease is admitted from memory', async () => {
  expect(await admissions(50)).toHaveLength(50);
});
