// Needs nothing: the reader that other tests look for texts with must see a text wherever Temporal holds one.
import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { payloadText } from './payload-text';

const TEXT = 'a text to be seen';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const payload = { metadata: { encoding: base64('json/plain') }, data: base64(JSON.stringify({ deep: [TEXT] })) };
const payloads = { payloads: [payload] };

const EVENTS: [string, object][] = [
  ['an input', { workflowExecutionStartedEventAttributes: { input: payloads } }],
  ['a memo', { workflowExecutionStartedEventAttributes: { memo: { fields: { question: payload } } } }],
  ['a result', { activityTaskCompletedEventAttributes: { result: payloads } }],
  ["a signal's input", { workflowExecutionSignaledEventAttributes: { signalName: 's', input: payloads } }],
  ["a failure's message", { activityTaskFailedEventAttributes: { failure: { message: TEXT } } }],
  [
    "a failure's details, of a cause",
    { activityTaskFailedEventAttributes: { failure: { cause: { applicationFailureInfo: { details: payloads } } } } },
  ],
  [
    'a heartbeat',
    { activityTaskTimedOutEventAttributes: { failure: { timeoutFailureInfo: { lastHeartbeatDetails: payloads } } } },
  ],
  ['a summary', { workflowExecutionCompletedEventAttributes: {}, userMetadata: { summary: payload } }],
];

const historyOf = (event: object): ReturnType<typeof historyFromJSON> =>
  historyFromJSON({ events: [{ eventId: '1', ...event }] });

describe.each(EVENTS)('%s', (_, event) => {
  test('is seen in a history as it is fetched', () => {
    expect(payloadText(historyOf(event))).toContain(TEXT);
  });

  test('is seen in its events', () => {
    expect(payloadText(historyOf(event).events)).toContain(TEXT);
  });

  test('is seen in JSON, as the command line gives it', () => {
    expect(payloadText(event)).toContain(TEXT);
  });
});

test('a text that is base64 by chance is seen as it is', () => {
  expect(payloadText({ type: 'agentRun' })).toContain('agentRun');
});

test('bytes are seen, and of a payload no base64 is left', () => {
  expect(payloadText({ held: Buffer.from(TEXT) })).toContain(TEXT);
  expect(payloadText({ held: Uint8Array.from(Buffer.from(TEXT)) })).toContain(TEXT);
  const text = payloadText({ input: payload });
  expect(text).toContain('"encoding":"json/plain"');
  expect(text).not.toContain(payload.data);
});
