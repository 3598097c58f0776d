// The figures of a profile as rows of tables, each with how its numbers are read: for the terminal and for pages.
import { formatDuration, formatTokens, formatUsd } from '../format';
import type { Distribution } from './percentiles';
import type { AgentProfile } from './profile-shape';

export interface ProfileRow {
  what: string;
  of: Distribution;
  shown(value: number): string;
}

/** Of fewer values the 99th percentile is the longest of them. */
const P99_FROM = 100;
const TURNS_SHOWN = [1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 150, 200];

export const p99Text = ({ of, shown }: ProfileRow): string => (of.count < P99_FROM ? '–' : shown(of.p99));

export const runRows = ({ perRun }: AgentProfile): ProfileRow[] => [
  { what: 'time', of: perRun.durationMs, shown: formatDuration },
  { what: 'of it waiting', of: perRun.waitingMs, shown: formatDuration },
  { what: 'turns', of: perRun.turns, shown: String },
  { what: 'model calls', of: perRun.modelCalls, shown: String },
  { what: 'tool calls', of: perRun.toolCalls, shown: String },
  { what: 'tokens in', of: perRun.inputTokens, shown: formatTokens },
  { what: 'tokens out', of: perRun.outputTokens, shown: formatTokens },
  ...(perRun.nanoUsd.count > 0 ? [{ what: 'cost', of: perRun.nanoUsd, shown: formatUsd }] : []),
];

/** What the model is given, by turn: some of the turns, and the last. */
export const contextRows = ({ context }: AgentProfile): ProfileRow[] =>
  context
    .filter(({ turn }, at) => TURNS_SHOWN.includes(turn) || at === context.length - 1)
    .map(({ turn, tokens }) => ({ what: `turn ${turn}`, of: tokens, shown: formatTokens }));

export const callRows = ({ model, tools }: AgentProfile): ProfileRow[] => [
  { what: 'model', of: model.ms, shown: formatDuration },
  ...tools.map((tool) => ({ what: `${tool.name}${failedText(tool)}`, of: tool.ms, shown: formatDuration })),
];

const failedText = ({ failures }: AgentProfile['tools'][number]): string =>
  failures.length === 0 ? '' : ` (${failures.map(({ type, times }) => `${type} ${times}`).join(', ')})`;

/** Empty where there was no request. */
export const arrivalRows = ({ arrivals: { minutes, requests, tokens } }: AgentProfile): ProfileRow[] =>
  minutes === 0
    ? []
    : [
        { what: 'requests', of: requests, shown: String },
        { what: 'tokens', of: tokens, shown: formatTokens },
      ];

/** What is to be said of the model's calls beside their times, where there is something. */
export const callFacts = ({ model: { retried, calls, cached } }: AgentProfile): string =>
  [
    ...(retried > 0 ? [`${retried} of ${calls} model calls took more than one attempt`] : []),
    ...(cached > 0 ? [`${cached} were answered from the cache`] : []),
  ].join('; ');

export const suggestedText = (value: string | number): string =>
  typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 9 }) : value;
