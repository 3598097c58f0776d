// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk; the recorded conversations of ../shared (or
// LONGHAUL_SHARED) where they are there. Requests that are rebuilt from what is stored are those that the model server received, byte for byte.
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { defineAgent, defineTool, type AnyAgent } from '../../activities/define';
import { rebuildRequest } from '../../activities/rebuild/rebuild-request';
import { callsOf } from '../../activities/store/run-calls';
import { allRecordings, missingRecording, respondAsRecorded } from '../../infra/drills/airline-recording';
import { playSession } from '../../infra/drills/play-session';
import { startModelServer, script, type ModelRequest, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const SHARED = resolve(process.env['LONGHAUL_SHARED'] || join(__dirname, '..', '..', '..', 'shared'));
const folder = join(SHARED, 'trajectories');
const missing = missingRecording(folder);
if (missing !== undefined) console.warn(`skipped: ${missing} is not there; LONGHAUL_SHARED names its folder`);
/** All of them by LONGHAUL_ALL_RECORDINGS=1: minutes. */
const PLAYED = process.env['LONGHAUL_ALL_RECORDINGS'] ? Infinity : 2;

interface Compared {
  requests: number;
  /** Of them, those that are the same bytes. */
  same: number;
  problems: string[];
}

/** Each recorded request of a run, beside what the server says that it received under the same id. */
async function compare(stack: TestStack, model: ModelServer, id: string): Promise<Compared> {
  const { ended, tenant } = await stack.client.run(id).record();
  const firstRunId = ended?.firstRunId ?? '';
  const { calls } = await callsOf(stack.store, firstRunId);
  const compared: Compared = { requests: 0, same: 0, problems: [] };
  for (const call of calls) {
    const { record } = call;
    if (record.kind !== 'model' && record.kind !== 'compaction') continue;
    compared.requests += 1;
    const received = model.requests().find(({ requestId }) => requestId === record.requestId);
    const rebuilt = await rebuildRequest(stack.store, { id, firstRunId, tenant }, call);
    if ('why' in rebuilt) compared.problems.push(`call ${call.number}: ${rebuilt.why}`);
    else if (received?.body?.equals(Buffer.from(rebuilt.body)) && rebuilt.isSame) compared.same += 1;
    else
      compared.problems.push(
        `call ${call.number} of ${record.kind}: ${rebuilt.body.slice(0, 300)}\n${received?.body?.toString().slice(0, 300)}`,
      );
  }
  return compared;
}

const look = defineTool({
  name: 'look',
  description: 'Looks a booking up.',
  // Not in the order of the alphabet: a model fills a schema in the order in which it stands.
  input: z.object({ number: z.number(), because: z.string().default('') }),
  output: z.object({ report: z.string() }),
  effect: 'read',
  run: ({ number }) => ({
    report: Array.from({ length: 60 }, (_, at) => `line ${at} of booking ${number}`).join('\n'),
  }),
});
const clerk = defineAgent({
  name: 'clerk',
  instructions: 'Look bookings up. “Quotes”, $dollars, `ticks` and \u2028 are written as they are.',
  tools: [look],
  output: z.object({ reasoning: z.string(), answer: z.string() }),
  parameters: { temperature: 0.5, maxOutputTokens: 900 },
  limits: { turns: 60 },
  loops: false,
  context: {
    window: 6_000,
    prune: { keepLast: 2, freeAtLeast: 1_500 },
    compact: { when: { messages: 30 }, keepLast: 6 },
  },
});

const LOOKS = 24;
const isSummary = ({ messages }: ModelRequest): boolean =>
  messages.some(({ role, text }) => role === 'system' && text.startsWith('You condense'));

describe.each([
  ['chat', 'messages'],
  ['responses', 'chat'],
  ['messages', 'responses'],
] as const)('asked by %s, then by %s', (api, otherApi) => {
  let model: ModelServer;
  let stack: TestStack;
  beforeAll(async () => {
    let next = 0;
    model = await startModelServer({
      respond: (request) => {
        if (isSummary(request)) return script().answer('Facts: bookings 1 to 9.').turnAt(0);
        next += 1;
        if (next > LOOKS) return script().answer({ reasoning: 'seen', answer: 'done' }).turnAt(0);
        const turn = script().reasoning(`thinks of ${next}`).call('look', { number: next, because: 'é 漢 "q"' });
        return turn.turnAt(0);
      },
    });
    stack = await startTestStack({
      ...{ agents: [clerk], modelUrl: model.url, route: ['test/model', 'other/claude-sonnet-4-5'] },
      apis: { test: api, other: otherApi },
    });
  });
  afterAll(async () => {
    await stack.close();
    await model.close();
  });

  test('every request of a run with retries, prunes, a summary and another provider in its middle is rebuilt', async () => {
    const path = { chat: '/chat/completions', responses: '/responses', messages: '/messages' };
    // Of the first provider alone: cut streams are tried again there, errors go on to the other.
    model.addFaults(
      { when: { path: path[api], nth: 3, times: 1 }, do: { cutStreamAfterChunks: 2 } },
      { when: { path: path[api], nth: 8, times: 2 }, do: { status: 503 } },
    );
    const run = await stack.client.agent<typeof clerk>('clerk').start('Look at all of them.', { id: `long-${api}` });
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: { answer: 'done' } });

    const { ended } = await run.record();
    const { calls } = await callsOf(stack.store, ended?.firstRunId ?? '');
    const kinds = calls.map(({ record }) => record.kind);
    const others = calls.filter(({ record }) => record.kind === 'model' && record.answer.model.startsWith('other/'));
    const pruned = calls.filter(({ record }) => record.kind === 'model' && record.answer.pruned);
    expect(kinds).toContain('compaction');
    expect(others.length).toBeGreaterThan(0);
    expect(pruned.length).toBeGreaterThan(0);

    const compared = await compare(stack, model, run.id);
    console.log(`${api}, then ${otherApi}: ${compared.same} of ${compared.requests} requests are the same bytes`);
    expect(compared.problems).toEqual([]);
    expect(compared.same).toBe(compared.requests);
  });
});

(missing === undefined ? test : test.skip)(
  'recorded conversations, played as sessions: every request of theirs is rebuilt',
  async () => {
    process.env['LONGHAUL_SHARED'] = SHARED;
    // Reads the recordings when it is loaded.
    const agents = Object.values(
      jest.requireActual<{ [name: string]: AnyAgent }>('../../infra/drills/airline-agents/airline'),
    );
    const recordings = allRecordings(folder).slice(0, PLAYED);
    const overs = new Map<number, () => void>();
    const model = await startModelServer({ respond: respondAsRecorded(recordings, (at) => overs.get(at)?.()) });
    const stack = await startTestStack({ agents, modelUrl: model.url });
    try {
      const all: Compared = { requests: 0, same: 0, problems: [] };
      for (const recording of recordings) {
        const over = new Promise<void>((done) => overs.set(recording.index, done));
        const session = `airline-${recording.index}`;
        const played = await playSession({ client: stack.client, recording, session, over });
        expect(played.problems).toEqual([]);
        for (const turn of recording.turns.keys()) {
          const compared = await compare(stack, model, `${session}/m${turn}`);
          all.requests += compared.requests;
          all.same += compared.same;
          all.problems.push(...compared.problems);
        }
      }
      console.log(`${recordings.length} recordings: ${all.same} of ${all.requests} requests are the same bytes`);
      expect(all.problems).toEqual([]);
      expect(all.requests).toBeGreaterThan(recordings.length);
    } finally {
      await stack.close();
      await model.close();
    }
  },
  PLAYED === Infinity ? 1_800_000 : 120_000,
);
