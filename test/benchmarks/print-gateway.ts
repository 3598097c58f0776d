// The figures of `npm run bench -- gateway` as a table, with every sample below it.
import { cpus, loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { cachedFigures, type CachedFigures } from './cached-call';
import { percentile } from './cancel';
import { gatewayFigures, type GatewayFigures } from './gateway';
import type { Spans } from './timed-ports';

const SIZES = [2, 20, 200];
const ms = (value: number): string => value.toFixed(2);

/** Of each pair, what the call took longer. */
export const added = ({ call, bare }: Pick<GatewayFigures, 'call' | 'bare'>): number[] =>
  call.map((took, at) => took - (bare[at] ?? NaN));

export async function printGateway(isShort: boolean): Promise<void> {
  const samples = isShort ? 20 : 300;
  console.log(
    'Milliseconds. Added: what `callModel` takes longer than the openai package alone, p50 and p95 of the pairs. Of it, p50 each: waiting for\n' +
      'reads and for the commit, what our provider takes longer, and all else. Floor: one small record made durable.',
  );
  const busy = loadavg()[0] ?? 0;
  console.log(
    `Load average ${busy.toFixed(1)}.${busy > cpus().length / 2 ? ' This machine is busy: what was added is mostly waiting.' : ''}`,
  );
  const made: GatewayFigures[] = [];
  for (const api of ['chat', 'responses'] as const)
    for (const messages of SIZES) made.push(await gatewayFigures({ api, messages, samples }));
  printTable(
    [
      'messages',
      'request KB',
      'openai p50',
      'p95',
      'callModel p50',
      'p95',
      'added p50',
      'p95',
      'reads',
      'commit',
      'provider',
      'else',
      'floor',
    ],
    made.map((one) => [
      `${one.messages} ${one.api}`,
      (one.requestBytes / 1_000).toFixed(1),
      ...[one.bare, one.call, added(one)].flatMap((values) => [ms(percentile(values, 50)), ms(percentile(values, 95))]),
      ...partsOf(one).map((values) => ms(percentile(values, 50))),
      ms(percentile(one.floor, 50)),
    ]),
  );
  await printCached(samples);
  console.log('\nAll that was added, in the order in which it was taken:');
  for (const one of made)
    console.log(
      `${one.messages} ${one.api}: ${added(one)
        .map((each) => each.toFixed(1))
        .join(' ')}`,
    );
}

/** The same question once more: the provider is not asked. */
async function printCached(samples: number): Promise<void> {
  const made: CachedFigures[] = [];
  for (const messages of SIZES) made.push(await cachedFigures(messages, samples));
  console.log('\nThe same calls with an answer that is kept.');
  printTable(
    ['messages', 'samples', 'callModel p50', 'p95', 'p99', 'reads', 'commit', 'else', 'floor'],
    made.map(({ messages, call, parts, floor }) => [
      String(messages),
      String(call.length),
      ...[50, 95, 99].map((share) => ms(percentile(call, share))),
      ...[
        parts.map(({ reads }) => reads),
        parts.map(({ commit }) => commit),
        parts.map(({ reads, commit }, at) => (call[at] ?? NaN) - reads - commit),
        floor,
      ].map((values) => ms(percentile(values, 50))),
    ]),
  );
}

function partsOf({ parts, call, bare }: GatewayFigures): number[][] {
  const rest = ({ reads, commit, provider }: Spans, at: number): number =>
    (call[at] ?? NaN) - reads - commit - provider;
  return [
    parts.map(({ reads }) => reads),
    parts.map(({ commit }) => commit),
    parts.map(({ provider }, at) => provider - (bare[at] ?? NaN)),
    parts.map(rest),
  ];
}
