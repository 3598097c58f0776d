// Numbers as people read them.
import { NANO_USD, type Cost } from '../workflows/contract/cost';
import type { Usage } from '../workflows/contract/message';
import type { RunLimits } from '../workflows/contract/run';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (value: number): string => String(value).padStart(2, '0');

/** @param ms below zero counts as zero: clocks of two machines differ */
export function formatDuration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < SECOND) return `${whole} ms`;
  if (whole < MINUTE) return `${(Math.floor(whole / 100) / 10).toFixed(1)} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}m ${two(Math.floor((whole % MINUTE) / SECOND))}s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}h ${two(Math.floor((whole % HOUR) / MINUTE))}m`;
  return `${Math.floor(whole / DAY)}d ${Math.floor((whole % DAY) / HOUR)}h`;
}

/** How long ago, in one unit. */
export function formatAge(ms: number): string {
  if (ms < SECOND) return 'now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

export function formatTokens(count: number): string {
  if (count < 1_000) return String(count);
  // From here on one decimal would read "1000.0k".
  if (count < 999_950) return `${short(count / 1_000)}k`;
  return `${short(count / 1_000_000)}M`;
}

/** Four digits behind the point, as a call costs less than a cent; what is less than those is not shown as nothing. */
export function formatUsd(nanoUsd: number): string {
  const usd = nanoUsd / NANO_USD;
  if (nanoUsd === 0) return '$0';
  if (usd < 0.0001) return '< $0.0001';
  return `$${usd.toFixed(usd < 10 ? 4 : 2)}`;
}

/** An unknown price is said to be unknown, and never nothing. */
export function formatCost(cost: Cost | undefined): string {
  if (!cost) return 'cost unknown';
  const { nanoUsd, unknown = 0 } = cost;
  if (unknown === 0) return formatUsd(nanoUsd);
  const of = `${counted(wholeRequests(unknown), 'request')} of unknown price`;
  return nanoUsd === 0 ? `cost unknown (${of})` : `${formatUsd(nanoUsd)} and ${of}`;
}

/** Of a shared request each task has a part: a sum of parts is not quite whole, and one part is of one request. */
const wholeRequests = (unknown: number): number => Math.ceil(unknown - PART_LEAST);
/** Less than this of a request is a sum's error: nobody shares one with so many. */
export const PART_LEAST = 1e-6;

/** What a cache has saved, of which what was not priced has no money. */
export const savedText = ({ input, output }: Usage, cost: Cost | undefined): string =>
  `${formatTokens(input + output)} tokens${cost ? `, ${formatUsd(cost.nanoUsd)}` : ''}`;

/** @param share from 0 to 1 */
export const formatPercent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;

const short = (value: number): string => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} KB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
}

/** As they are when it is asked, each with its unit. */
export const limitsText = ({ turns, toolCalls, tokens, modelCalls, nanoUsd, wallMs }: RunLimits): string =>
  [
    counted(turns, 'turn'),
    counted(toolCalls, 'tool call'),
    ...(tokens === undefined ? [] : [`${formatTokens(tokens)} tokens`]),
    ...(modelCalls === undefined ? [] : [counted(modelCalls, 'model call')]),
    ...(nanoUsd === undefined ? [] : [formatUsd(nanoUsd)]),
    ...(wallMs === undefined ? [] : [formatDuration(wallMs)]),
  ].join(', ');

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
