// Needs nothing.
import { failure } from '../../activities/failure';
import { EXIT, errorLine, exitCodeOf, exitCodeOfError } from '../../client/cli/exit-codes';
import { ClientError } from '../../client/errors';
import { TemporalUnreachableError } from '../../infra/temporal/connect';
import { TemporalConfigError } from '../../infra/temporal/resolve-temporal';
import { TemporalCliNotFoundError } from '../../infra/temporal/find-cli';
import { ConfigError } from '../../workers/config-error';
import { OUTCOMES } from '../../workflows/contract/run';

test('every outcome has its own code', () => {
  expect(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, exitCodeOf({ outcome })]))).toEqual({
    completed: 0,
    failed: 1,
    cancelled: 3,
    'budget-exhausted': 4,
    escalated: 5,
  });
  expect([EXIT.usage, EXIT.refused]).toEqual([2, 75]);
  // No room now, and nothing wrong with it.
  expect(exitCodeOf({ outcome: 'failed', failure: { type: 'Model.QuotaShed' } })).toBe(75);
  expect(exitCodeOf({ outcome: 'failed', failure: { type: 'Model.RateLimited' } })).toBe(1);
});

const named = (name: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { name, ...more });

test.each([
  ['unknown agent', new ClientError('unknown-agent', 'x'), 2],
  ['invalid input', new ClientError('invalid-input', 'x'), 2],
  ['unknown run', new ClientError('run-not-found', 'x'), 2],
  ['configuration', new ConfigError('x'), 2],
  ['Temporal configuration', new TemporalConfigError('x'), 2],
  ['the command line', named('CommanderError', 'x'), 2],
  ['a run that says no', new ClientError('refused', 'x'), 1],
  ['no worker', new ClientError('no-worker', 'x'), 1],
  ['no server', new ClientError('temporal-unreachable', 'x'), 1],
  ['no answer', new TemporalUnreachableError('x'), 1],
  ['the store', failure('Store.ObjectMissing', 'x'), 1],
  ['anything else', new Error('x'), 1],
  ['no error at all', 'x', 1],
])('exit code: %s', (_, error, code) => expect(exitCodeOfError(error)).toBe(code));

describe('the line of an error', () => {
  test('is one, without a stack', () => {
    const line = errorLine(new Error('first\nsecond'));
    expect(line).toBe('first');
  });

  test('holds no credentials and no escape sequences', () => {
    const line = errorLine(new Error('wrong key sk-proj-abcdefgh12345678 at \u001b[2Jhttps://me:secret@host/v1'));
    expect(line).toBe('wrong key [redacted] at https://[redacted]@host/v1');
  });

  test('says why, where only the cause knows', () => {
    const refused = named('ServiceError', 'Failed to signal Workflow', {
      cause: named('Error', '7 PERMISSION_DENIED: no', { details: 'no access', code: 7 }),
    });
    expect(errorLine(refused)).toBe('Temporal refused: no access');
    const gone = named('ServiceError', 'Failed to signal Workflow', {
      cause: named('Error', '14 UNAVAILABLE', { details: 'connection dropped', code: 14 }),
    });
    expect(errorLine(gone)).toBe('Temporal does not answer any more (connection dropped): is it still running?');
    expect(errorLine(new AggregateError([new Error('connect ECONNREFUSED')]))).toBe('connect ECONNREFUSED');
  });

  test('keeps the list of what was tried', () => {
    const error = new TemporalCliNotFoundError('Tried, in order:\n  PATH      there is none\nDo this', []);
    expect(errorLine(error)).toBe('Tried, in order:\n  PATH there is none\nDo this');
  });

  test.each([[undefined], [null], [''], [new Error('')], [{}]])('of %p is something', (error) => {
    expect(typeof errorLine(error)).toBe('string');
  });
});
