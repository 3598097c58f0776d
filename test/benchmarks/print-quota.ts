// Prints the quota benchmark.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { percentile } from './cancel';
import { admissions, quotaFigures, QUOTA_LONG, QUOTA_SHORT } from './quota';

export async function printQuota(isShort: boolean): Promise<void> {
  const rows: string[][] = [];
  for (const options of isShort ? QUOTA_SHORT : QUOTA_LONG) {
    console.log(`${options.of}, ${options.reserve}: ${options.seconds} s`);
    const { most, least, arrived, refused } = await quotaFigures(options);
    const part = (amount: number): string => `${amount} (${((100 * amount) / options.most).toFixed(1)} %)`;
    rows.push([
      `${options.of}, ${options.reserve}`,
      `${options.most} in ${options.perMs / 1_000} s`,
      part(most),
      part(least),
      String(arrived),
      `${refused} (${((100 * refused) / arrived).toFixed(2)} %)`,
    ]);
    console.log(
      `load of the machine: ${loadavg()
        .map((one) => one.toFixed(1))
        .join(' ')}`,
    );
  }
  printTable(['limit of', 'limit', 'most in a window', 'least after warm-up', 'arrived', 'refused'], rows);
  const ms = await admissions(isShort ? 100 : 2_000);
  console.log(
    `admission with a lease in hand: p50 ${percentile(ms, 50).toFixed(3)} ms, p99 ${percentile(ms, 99).toFixed(3)} ms of ${ms.length}`,
  );
}
