// Needs: nothing. Of a call, or a decision, part of whose content cannot be read all else is told: what is sealed with a key that is not here,
// gone or damaged. That the store does not answer is no such reason.
import { randomBytes } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { openKeyRing } from '../../activities/keys/key-ring';
import { encodeMessage, type ContentStore } from '../../activities/store';
import type { StoreBackend } from '../../activities/store/backend';
import { createMemoryBackend } from '../../activities/store/memory-store';
import { sealedStore } from '../../activities/store/sealed-store';
import { requestName } from '../../activities/store/ref-names';
import { callContent, type CallContent } from '../../client/call-content';
import { decisionText, requestsOf } from '../../client/requests-of';
import type { Message } from '../../workflows/contract/message';
import type { RequestRecord } from '../../workflows/contract/schemas/approval';
import type { ToolRecord } from '../../workflows/contract/schemas/call-record';

const calling: Message = {
  role: 'assistant',
  parts: [{ type: 'tool-call', call: 0, name: 'look', arguments: { at: 'a' } }],
};
const looked: Message = { role: 'tool', call: 0, name: 'look', outcome: 'ok', parts: [{ type: 'text', text: 'seen' }] };
const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];

let backend: StoreBackend;
let before: ContentStore;
let now: ContentStore;
beforeEach(() => {
  backend = createMemoryBackend();
  before = sealedStore(backend, openKeyRing(`first:${first}`));
  now = sealedStore(backend, openKeyRing(`second:${second},names:${first}`));
});

const put = async (store: ContentStore, message: Message): Promise<string> =>
  (await store.of('acme').commit({ objects: [encodeMessage(message)] })).hashes[0] ?? '';
const contentOf = (store: ContentStore, asking: string, answer: string): Promise<CallContent> => {
  const record: ToolRecord = {
    ...{ kind: 'tool', schemaVersion: 1, attempt: 1, worker: 'w', release: 'f'.repeat(64), name: 'look' },
    ...{ startedAt: 1, endedAt: 2, from: { message: asking, call: 0 } },
    result: { message: { hash: answer, role: 'tool', preview: 'seen' } },
  };
  return callContent(store, { id: 'run_1', tenant: 'acme' }, { record, asked: '{"at":"a"}' });
};

test('what an older key has sealed, and what is damaged, is named with its reason; what a key is there for is shown', async () => {
  const [asking, answer] = [await put(before, calling), await put(now, looked)];
  expect(await contentOf(now, asking, answer)).toEqual({
    given: { arguments: undefined },
    answered: [looked],
    gone: [
      {
        ...{ part: 'given', position: null, preview: '{"at":"a"}' },
        why: expect.stringMatching(
          /^it is sealed with a key that is not here \(Store\.KeyMissing: .*"first"/,
        ) as string,
      },
    ],
  });
  await backend.commit({ objects: [{ name: answer, bytes: randomBytes(100) }], refs: [] });
  expect((await contentOf(now, asking, answer)).gone).toMatchObject([
    { part: 'given' },
    {
      part: 'answered',
      position: 1,
      preview: 'seen',
      why: expect.stringMatching(/^what is stored of it is damaged \(/),
    },
  ]);
});

test('of a decision whose edited arguments are gone all else is told, and why they are not', async () => {
  const message = await put(now, calling);
  const about = { number: 1, kind: 'approval' as const, run: 'run_1', turn: 1, call: 0, tool: 'look', rules: [] };
  const request: RequestRecord['request'] = {
    ...about,
    message,
    args: 'a',
    preview: '{"at":"a"}',
    by: [],
    askedAt: 1,
    deadline: 2,
    otherwise: 'deny',
  };
  const edited = { verdict: 'approve' as const, edited: 'e'.repeat(64), reason: 'fits' };
  const decision = { ...about, ...edited, args: 'a', decidedAt: 2 };
  const record: RequestRecord = {
    ...{ schemaVersion: 1, id: 'run_1', agent: 'looker', release: 'f'.repeat(64), tenant: 'acme' },
    ...{ request, decision: { ...decision, verified: false } },
  };
  await now.of('acme').commit({ refs: [{ op: 'put', name: requestName('first', 1), value: record }] });
  const [asked] = await requestsOf(now.of('acme'), 'first');
  expect(asked && decisionText(asked)).toMatch(
    /^approved unsigned, with \(cannot be read: it is not in the store any more \(Store\.ObjectMissing: .*\): fits$/,
  );
});

test('a store that does not answer is an error, and no content that is gone', async () => {
  const away: ContentStore = {
    ...now,
    of: () => away,
    get: () => Promise.reject(ApplicationFailure.retryable('away', 'Store.Unavailable')),
  };
  await expect(contentOf(away, await put(now, calling), await put(now, looked))).rejects.toMatchObject({
    type: 'Store.Unavailable',
  });
});
