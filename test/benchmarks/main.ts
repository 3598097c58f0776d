// `npm run bench -- history|turns|store|compaction [--short]`: figures of long conversations, each beside its floor, in plain tables.
import { printTable } from '../../infra/drills/print-table';
import { databaseBytes, startPostgres } from '../stack/postgres';
import { longConversation, naiveRun, type LongConversation } from './long-conversation';

const isShort = process.argv.includes('--short');
const kb = (bytes: number): string => (bytes / 1_000).toFixed(1);

async function history(): Promise<void> {
  const size = isShort ? { turns: 10, pageBytes: 8_000 } : { turns: 100, pageBytes: 8_600 };
  const rows: string[][] = [];
  const row = (name: string, made: LongConversation): void => {
    rows.push([
      name,
      made.outcome,
      String(made.tokens),
      String(made.activities),
      kb(made.historyBytes),
      String(made.bytesPerActivity),
      String(made.floorBytesPerActivity),
      made.flatness.toFixed(3),
      kb(made.conversationBytes),
      kb(made.storedBytes),
      (made.storedBytes / made.conversationBytes).toFixed(2),
      made.seconds.toFixed(1),
    ]);
  };
  row('LMDB', await longConversation(size));
  await withPostgres(async (postgres) => {
    row('Postgres', await longConversation({ ...size, ...postgres }));
  });
  console.log(
    'Sealed with a key, in the store and in Temporal. Bytes per activity: whole histories, workflow tasks included.',
  );
  printTable(
    [
      'store',
      'outcome',
      'tokens',
      'activities',
      'history KB',
      'B/activity',
      'bare B/activity',
      'last/first',
      'said KB',
      'stored KB',
      'stored/said',
      's',
    ],
    rows,
  );
  const naive = await naiveRun(size);
  console.log('\nThe usual design: the conversation in every activity input, no codec.');
  printTable(
    ['turns asked', 'turns done', 'history KB', 's', 'ended'],
    [
      [
        String(naive.asked),
        String(naive.turns),
        kb(naive.historyBytes),
        naive.seconds.toFixed(1),
        naive.failure ?? 'completed',
      ],
    ],
  );
}

async function withPostgres(
  work: (of: { storeUrl: string; storeBytes: () => Promise<number> }) => Promise<void>,
): Promise<void> {
  const postgres = await startPostgres();
  try {
    const storeUrl = postgres.freshUrl();
    await work({ storeUrl, storeBytes: () => databaseBytes(storeUrl) });
  } finally {
    await postgres.remove();
  }
}

const BENCHMARKS: { readonly [name: string]: () => Promise<void> } = { history };

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = asked.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}. There are: ${Object.keys(BENCHMARKS).join(', ')}.`);
  process.exit(2);
}
void (async () => {
  for (const name of asked.length > 0 ? asked : Object.keys(BENCHMARKS)) {
    console.log(`\n${name}`);
    await BENCHMARKS[name]?.();
  }
  process.exit(0);
})();
