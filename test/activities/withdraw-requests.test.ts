// Needs a free port. What a run still asked when it ended: gone from the inbox, told to the webhook, and looked for only where it may be.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineAgent } from '../../activities/define';
import { endRun } from '../../activities/end-run';
import { tellPeople } from '../../activities/tell-people';
import { allRefs } from '../../activities/store';
import { INBOX_PREFIX, inboxOf, requestName } from '../../activities/store/ref-names';
import { createWebhook, webhookSignature } from '../../workers/webhook';
import type { EndRunInput } from '../../workflows/contract/activities';
import type { MadeDecision, PersonRequest } from '../../workflows/contract/approval';
import { attempt, given, key } from './given';

const plain = defineAgent({ name: 'plain', instructions: 'Answer.' });
const request: PersonRequest = {
  ...{
    number: 1,
    kind: 'approval',
    run: key.run,
    turn: 1,
    call: 0,
    message: 'm',
    tool: 'pay',
    args: 'a',
    preview: '{}',
  },
  ...{ rules: [0], by: [], askedAt: 500, deadline: 9_000, otherwise: 'escalate' },
};
const NO_TOTALS = {
  ...{ turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0 },
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
};
const cancelled: Pick<EndRunInput, 'base' | 'append' | 'result'> = {
  ...{ base: null, append: [] },
  result: {
    ...{ schemaVersion: 1, outcome: 'cancelled', length: 0, totals: NO_TOTALS },
    failure: { type: 'Run.Cancelled', message: 'enough' },
  },
};

interface Heard {
  body: string;
  signature: string;
}
const heard: Heard[] = [];
let status = 204;
let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((incoming, answer) => {
    let body = '';
    incoming
      .setEncoding('utf8')
      .on('data', (text: string) => (body += text))
      .on('end', () => {
        heard.push({ body, signature: String(incoming.headers['x-longhaul-signature']) });
        answer.writeHead(status).end();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  heard.splice(0);
  status = 204;
});

async function asking() {
  const { deps, store, about } = await given(plain);
  const told = { ...deps, tellPeople: createWebhook(url, 'secret') };
  await tellPeople(told, { ...about, key, about: 'asked', request }, attempt());
  return { told, store, about };
}
const abouts = (): unknown[] => heard.map(({ body }) => (JSON.parse(body) as { about: string }).about);

test('it leaves the inbox, its record says so, and the webhook is told, signed', async () => {
  const { told, store, about } = await asking();
  expect(await allRefs(store, INBOX_PREFIX)).toHaveLength(1);
  await endRun(told, { ...about, key, ...cancelled, asked: true }, attempt());
  expect(await allRefs(store, INBOX_PREFIX)).toEqual([]);
  expect((await store.readRef(requestName(key.run, 1)))?.value).toMatchObject({ withdrawnAt: 1_000 });
  expect(abouts()).toEqual(['asked', 'withdrawn']);
  const { body, signature } = heard[1] ?? { body: '', signature: '' };
  expect(JSON.parse(body)).toMatchObject({
    run: 'w',
    agent: 'plain',
    tenant: 't',
    request: { number: 1, tool: 'pay' },
  });
  expect(signature).toBe(webhookSignature(body, 'secret', Number(/^t=(\d+),/.exec(signature)?.[1])));
});

test('a webhook that does not take it holds up no end', async () => {
  const { told, store, about } = await asking();
  status = 500;
  await endRun(told, { ...about, key, ...cancelled, asked: true }, attempt());
  expect(abouts()).toEqual(['asked', 'withdrawn']);
  expect(await allRefs(store, INBOX_PREFIX)).toEqual([]);
});

test('what was decided is not withdrawn', async () => {
  const { told, store, about } = await asking();
  const decision: MadeDecision = {
    ...{ kind: 'approval', verdict: 'deny', number: 1, args: 'a', run: key.run, turn: 1, call: 0, tool: 'pay' },
    ...{ rules: [0], decidedAt: 900 },
  };
  await tellPeople(told, { ...about, key, about: 'decided', request, decision }, attempt());
  await endRun(told, { ...about, key, ...cancelled, asked: true }, attempt());
  expect(abouts()).toEqual(['asked', 'decided']);
  expect((await store.readRef(requestName(key.run, 1)))?.value).not.toHaveProperty('withdrawnAt');
});

describe('the inbox is looked at', () => {
  const FIRST = { ...attempt(), runId: key.run };
  test.each([
    ['by no run that says it has asked nothing', { asked: false }, FIRST, 0],
    ['by one that has asked', { asked: true }, FIRST, 1],
    ['by one whose history does not say it', {}, FIRST, 1],
    ['by one that was reset, whatever it says', { asked: false }, attempt(), 1],
  ])('%s', async (_, said, by, times) => {
    const { deps, store, about } = await given(plain);
    let looked = 0;
    const counting = {
      ...store,
      listRefs: (prefix: string, ...more: []) => {
        if (prefix === inboxOf('w')) looked += 1;
        return store.listRefs(prefix, ...more);
      },
    };
    await endRun({ ...deps, store: counting }, { ...about, key, ...cancelled, ...said }, by);
    expect(looked).toBe(times);
  });
});
