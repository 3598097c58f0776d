// What Temporal's own Web UI and CLI show of a run: current details, search attributes and memo, in one place.
import { SearchAttributeType, defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import { MEMO_KEYS, type SearchAttributeName } from './contract/names';
import type { AgentRunInput, AgentRunResult, Step } from './contract/run';
import { limitsOf } from './core/limits';
import { reasonOf, statusOf, type RunState } from './core/run-state';

/** Rows of the steps table: the Web UI carries the details in a URL, which must stay short. */
const ROWS = 12;

/** Costs no history event, so it may follow every change. */
export function showDetails(input: AgentRunInput, state: RunState): void {
  const { kept } = state;
  const { usage, toolCalls } = kept.totals;
  const reason = reasonOf(state);
  const lines = [
    `**${input.agent}** ${statusOf(state)}${reason === undefined ? '' : `: ${cell(reason)}`}`,
    '',
    `turn ${kept.turn} of ${limitsOf({ input, state }).turns}, ${toolCalls} tool calls, ${usage.input} tokens in, ${usage.output} out`,
    '',
    '| # | step | state |',
    '|---|---|---|',
    ...kept.steps.slice(-ROWS).map(row),
  ];
  setCurrentDetails(lines.join('\n'));
}

const row = (step: Step): string => `| ${step.seq} | ${cell(step.label)} | ${step.state} |`;
/** Content must not break out of its table cell. */
const cell = (text: string): string => text.replace(/[|\n\r`<>]/g, ' ').slice(0, 80);

const keyword = (name: SearchAttributeName) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const RUN_OUTCOME = keyword('RunOutcome');
const FAILURE_TYPE = keyword('FailureType');

/** What a run is found by, as a caller's start gives it. */
export const startAttributes = ({
  agent,
  release,
  tenant,
  user,
  session,
  tags,
}: AgentRunInput): SearchAttributePair[] => [
  { key: keyword('AgentName'), value: agent },
  { key: keyword('AgentRelease'), value: release.slice(0, 12) },
  { key: keyword('TenantId'), value: tenant },
  ...(user === undefined ? [] : [{ key: keyword('UserId'), value: user }]),
  ...(session === undefined ? [] : [{ key: keyword('SessionId'), value: session }]),
  ...(tags.length === 0
    ? []
    : [{ key: defineSearchAttributeKey('RunTags', SearchAttributeType.KEYWORD_LIST), value: tags }]),
];

/** Of a run that goes by another than it was started with: it is found by this one. */
export const showRelease = ({ release }: AgentRunInput): void =>
  upsertSearchAttributes([{ key: keyword('AgentRelease'), value: release.slice(0, 12) }]);

/** Two events, once a run. */
export function showEnd(result: AgentRunResult): void {
  upsertSearchAttributes([
    { key: RUN_OUTCOME, value: result.outcome },
    ...(result.failure ? [{ key: FAILURE_TYPE, value: result.failure.type }] : []),
  ]);
  upsertMemo({
    [MEMO_KEYS.usage]: result.totals.usage,
    ...(result.output ? { [MEMO_KEYS.answer]: result.output.preview } : {}),
  });
}
