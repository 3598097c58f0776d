// `longhaul queues`: what waits in the queues of the configuration, what has a place, and how long a run that came now would wait.
import type { QueueView } from '../../../workflows/contract/queue';
import { queueViews } from '../../queue-view';
import type { CliContext, Connected } from '../context';
import { EXIT } from '../exit-codes';
import { formatAge, formatDuration } from '../output';
import { waitText } from '../place-text';

/** Of those who wait in a queue. */
const SHARES_SHOWN = 8;

interface Shown {
  queue: string;
  /** Of the whole queue, as it is configured. */
  depth: number;
  concurrency: number;
  /** One for each shard that was asked for anything yet. */
  views: QueueView[];
}

export async function queuesCommand(context: CliContext): Promise<number> {
  const { output, settings } = context;
  const names = Object.keys(settings.queues);
  if (names.length === 0) {
    output.json({ queues: [] });
    output.line('no queues: runs begin at once. Add them to queues in longhaul.config.ts.');
    return EXIT.completed;
  }
  const connected = await context.connect();
  const shown = await Promise.all(names.map((name) => shownQueue(context, connected, name)));
  output.json({ queues: shown });
  output.table(shown, [
    { title: 'queue', value: ({ queue }: Shown) => queue },
    { title: 'waiting', value: (one: Shown) => `${sum(one, ({ depth }) => depth)} of ${one.depth}`, align: 'right' },
    {
      title: 'running',
      value: (one: Shown) => `${sum(one, ({ running }) => running)} of ${one.concurrency}`,
      align: 'right',
    },
    { title: 'oldest', value: oldestText, align: 'right' },
    { title: 'a run takes', value: serviceText, align: 'right' },
    { title: 'one that came now', value: waitNow, flexible: true },
  ]);
  for (const one of shown) for (const line of linesOf(one)) output.line(output.safeLine(line));
  return EXIT.completed;
}

async function shownQueue({ settings }: CliContext, { temporal }: Connected, queue: string): Promise<Shown> {
  const { taskQueue } = settings;
  const { depth = 0, concurrency = 0, shards = 1 } = settings.queues[queue] ?? {};
  return { queue, depth, concurrency, views: await queueViews(temporal, { taskQueue, queue, shards }) };
}

const sum = ({ views }: Shown, of: (view: QueueView) => number): number =>
  views.reduce((total, view) => total + of(view), 0);

function oldestText({ views }: Shown): string {
  const oldest = Math.min(...views.map(({ oldestAt = Infinity }) => oldestAt));
  return oldest === Infinity ? '' : formatAge(Math.max(0, Date.now() - oldest));
}

function serviceText({ views }: Shown): string {
  const known = views.flatMap(({ serviceMs }) => serviceMs ?? []);
  return known.length === 0 ? '' : formatDuration(known.reduce((total, ms) => total + ms, 0) / known.length);
}

/** Of several shards the one that a run would wait longest in: which one takes it follows from its id. */
function waitNow({ views }: Shown): string {
  if (views.length === 0) return 'begins at once';
  const waits = views.flatMap(({ wait }) => wait ?? []);
  if (waits.length < views.length) return 'not known yet';
  return waitText({
    fromMs: Math.min(...waits.map(({ fromMs }) => fromMs)),
    toMs: Math.max(...waits.map(({ toMs }) => toMs)),
  });
}

function linesOf({ queue, views }: Shown): string[] {
  const shares = new Map<string, number>();
  for (const { priority, tenant, count } of views.flatMap(({ waiting }) => waiting)) {
    const key = `${priority} of ${tenant}`;
    shares.set(key, (shares.get(key) ?? 0) + count);
  }
  const sorted = [...shares].sort(([, one], [, other]) => other - one);
  const more = sorted.length - SHARES_SHOWN;
  const waiting = sorted.slice(0, SHARES_SHOWN).map(([share, count]) => `${count} ${share}`);
  const total = (of: (counts: QueueView['counts']) => number): number =>
    views.reduce((count, view) => count + of(view.counts), 0);
  const told = total((counts) => counts.told);
  const steps = views.flatMap(({ degraded }) => degraded ?? []);
  return [
    ...(waiting.length === 0 ? [] : [`${queue}: ${waiting.join(', ')}${more > 0 ? `, and ${more} more` : ''}`]),
    ...(steps.length === 0
      ? []
      : [
          `${queue}: so many wait that runs are given less (above ${Math.round(100 * Math.max(...steps.map(({ above }) => above)))} %)`,
        ]),
    ...(views.length === 0
      ? []
      : [
          `${queue}: ${total(({ accepted }) => accepted)} taken, ${total(({ refused }) => refused)} refused, ` +
            `${total(({ expired }) => expired)} expired, ${total(({ withdrawn }) => withdrawn)} withdrawn, ` +
            `${total(({ degraded }) => degraded)} begun with less` +
            (told === 0
              ? ''
              : `; ${Math.round((100 * total(({ within }) => within)) / told)} % of waits were as it had been said`),
        ]),
  ];
}
