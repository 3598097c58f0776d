// Needs nothing.
import { checkedLabels } from '../../client/run-labels';
import { isSessionId } from '../../client/session-ids';
import { budgetId, queueId, quotaId, sessionWorkflowId, webhookWorkflowId } from '../../workflows/contract/names';

test.each(['two\nlines', 'a\ttab', 'a\u0000b', 'esc\u001b[2J'])('a run id that is more than a line: %j', (id) => {
  expect(() => checkedLabels(id, {})).toThrow('a run id is one line, without control characters.');
});

test.each(['ticket-7', 'a b', 'bad/id', 'Größe'])('%j is a run id', (id) => {
  expect(() => checkedLabels(id, {})).not.toThrow();
});

/** Of a Temporal Schedule: what it starts, and what Temporal itself keeps it by. */
const OF_A_SCHEDULE = ['wake:a/b', 'temporal-sys-scheduler:wake:a/b'];
const SERVING = [
  ...[quotaId('agents', 'p/m', 'k'), budgetId('agents', 't'), queueId('agents', 'line', 0)],
  ...[sessionWorkflowId('a'), webhookWorkflowId('run_1')],
];
test.each([...SERVING, ...OF_A_SCHEDULE])('%j is the id of a workflow that serves runs, and no run’s', (id) => {
  expect(() => checkedLabels(id, {})).toThrow(/^ids do not begin with /);
});

test.each(['quota', 'queue', 'session:a', 'temporal-sys-a'])('nor is a session named %j, whose runs would be', (id) => {
  expect(isSessionId(id)).toBe(false);
});
