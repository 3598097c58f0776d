// Needs a Temporal server (embedded, real), the model server over HTTP, a store on disk, and the recorded conversations of ../shared (or
// LONGHAUL_SHARED). Their shadows, with tools that act over HTTP and take now less and now more: nothing is done, nothing differs, and what
// is made to differ is found where it was put.
import { createServer, type Server } from 'node:http';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { defineAgent, defineTool, ToolRejection, type AnyAgent } from '../../activities/define';
import { canonicalJson } from '../../activities/store';
import { readPointer } from '../../activities/store/pick-release';
import { runRecordName } from '../../activities/store/ref-names';
import { compareWithShadow, readRun } from '../../client/shadow/shadow-pair';
import { shadowRun } from '../../client/shadow/want-shadow';
import {
  allRecordings,
  missingRecording,
  respondAsRecorded,
  type AirlineRecording,
} from '../../infra/drills/airline-recording';
import { playSession } from '../../infra/drills/play-session';
import { seeded } from '../../infra/drills/seeded';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { until } from '../stack/until';

const SHARED = resolve(process.env['LONGHAUL_SHARED'] || join(__dirname, '..', '..', '..', 'shared'));
const folder = join(SHARED, 'trajectories');
const missing = missingRecording(folder);
if (missing !== undefined) console.warn(`skipped: ${missing} is not there; LONGHAUL_SHARED names its folder`);
/** All of them by LONGHAUL_ALL_RECORDINGS=1: minutes. */
const PLAYED = process.env['LONGHAUL_ALL_RECORDINGS'] ? Infinity : 2;
const LONG_MS = PLAYED === Infinity ? 2_400_000 : 180_000;
let drawn = 0;
const random = (below: number): number => seeded(`shadows/${drawn++}`, below);

const definitionsSchema = z.array(
  z.object({
    function: z.object({ name: z.string(), description: z.string(), parameters: z.record(z.string(), z.json()) }),
  }),
);
const READS = /^(get_|search_|list_|calculate$|think$)/;
const ALTERED = '(altered)';

/** The outside: it counts what is done to it, and answers sooner or later. */
interface Counted {
  calls: Map<string, number>;
  url: string;
  server: Server;
}
async function countingServer(): Promise<Counted> {
  const calls = new Map<string, number>();
  const server = createServer((request, response) => {
    const tool = (request.url ?? '').slice(1);
    calls.set(tool, (calls.get(tool) ?? 0) + 1);
    void after(random(40)).then(() => response.end());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { calls, server, url: `http://127.0.0.1:${port}` };
}

const asText = (value: z.core.util.JSONType): string => canonicalJson(value).toString();

/** What the tool said when it was called so in the part of the conversation that the run answers. */
function recorded({ messages }: AirlineRecording, run: string, name: string, args: z.core.util.JSONType): string {
  const starts = messages.flatMap(({ role }, at) => (role === 'user' ? [at] : []));
  const turn = Number(/m(\d+)$/.exec(run)?.[1]);
  const part = messages.slice(starts[turn] ?? messages.length, starts[turn + 1]);
  const at = part.findIndex(({ tool_calls: calls }) =>
    calls?.some(
      ({ function: made }) => made.name === name && asText(z.json().parse(JSON.parse(made.arguments))) === asText(args),
    ),
  );
  const answer = at === -1 ? undefined : part[at + 1]?.content;
  if (typeof answer !== 'string') throw new ToolRejection(`${name} was not called so in the recording.`);
  return answer;
}

function agentOf(recording: AirlineRecording, outside: string, more = ''): AnyAgent {
  const { index } = recording;
  const definitions = definitionsSchema.parse(JSON.parse(readFileSync(join(folder, 'airline-tools.json'), 'utf8')));
  return defineAgent({
    ...{ name: `airline-${index}`, mode: 'session', loops: false },
    instructions: `${readFileSync(join(folder, 'airline-policy.md'), 'utf8')}\n(recording ${index})${more}`,
    tools: definitions.map(({ function: { name, description, parameters } }) =>
      defineTool({
        ...{ name, description, output: z.string(), input: z.fromJSONSchema(parameters) as z.ZodObject },
        // The recorded agent calls some of them twice, and was told something each time.
        ...(READS.test(name) ? { effect: 'read' } : { effect: 'keyed', repeats: 'new-action', approval: false }),
        run: async (args, { run }) => {
          await fetch(`${outside}/${name}`);
          return recorded(recording, run.id, name, z.json().parse(args));
        },
      }),
    ),
  });
}

let model: ModelServer;
let stack: TestStack;
let outside: Counted;
const recordings = missing === undefined ? allRecordings(folder).slice(0, PLAYED) : [];
const overs = new Map<number, () => void>();
/** Of each recording: where what the altered release says is another. */
const altered = new Map<number, number>();

beforeAll(async () => {
  if (missing !== undefined) return;
  outside = await countingServer();
  const asRecorded = respondAsRecorded(recordings, (at) => overs.get(at)?.());
  model = await startModelServer({
    respond: async (request) => {
      const system = request.messages.find(({ role }) => role === 'system')?.text ?? '';
      const said = request.messages.filter(({ role }) => role !== 'system').length;
      const place = altered.get(Number(/\(recording (\d+)\)/.exec(system)?.[1]));
      if (system.includes(ALTERED) && said === place) return script().answer('something else').turnAt(0);
      return await asRecorded(request);
    },
  });
  stack = await startTestStack({
    agents: recordings.map((recording) => agentOf(recording, outside.url)),
    modelUrl: model.url,
    shadowPace: { lookMs: 50 },
  });
}, 120_000);
afterAll(async () => {
  await stack?.close();
  await model?.close();
  outside?.server.close();
});

/** Runs of the session that came to an end of their own. */
async function runsOf({ index, turns }: AirlineRecording): Promise<RunRecord[]> {
  const records = await Promise.all(turns.map((_, turn) => readRun(stack.store, `airline-${index}/m${turn}`)));
  return records.flatMap((record) => (record?.ended?.outcome === 'completed' ? [record] : []));
}

async function shadowed(run: string, release: string): Promise<RunRecord> {
  const { id } = await shadowRun(stack.store, run, { release, by: 'ada' });
  const read = async () => runRecordSchema.safeParse((await stack.store.readRef(runRecordName(id)))?.value).data;
  await until(async () => (await read())?.ended !== undefined);
  const record = await read();
  if (!record) throw new Error(`${id} is gone`);
  return record;
}

(missing === undefined ? test : test.skip)(
  'shadows of recorded conversations by their own release do nothing and differ nowhere; an altered one where it was altered',
  async () => {
    const sums = { runs: 0, calls: 0, recorded: 0, executed: 0, different: 0, found: 0 };
    for (const recording of recordings) {
      const over = new Promise<void>((done) => overs.set(recording.index, done));
      const session = `airline-${recording.index}`;
      const played = await playSession({ client: stack.client, recording, session, over });
      expect(played.problems).toEqual([]);
      const release = (await readPointer(stack.store, session))?.pointer.release ?? '';
      const before = new Map(outside.calls);
      for (const run of await runsOf(recording)) {
        const compared = await compareWithShadow(stack.store, await shadowed(run.id, release));
        sums.runs += 1;
        sums.calls += compared.tools.run.length;
        sums.recorded += compared.answered.recorded;
        sums.different += compared.first === null && compared.answer.same && compared.outcome.same ? 0 : 1;
        expect(compared.first).toBeNull();
      }
      sums.executed += sumOf(outside.calls) - sumOf(before);
      expect(outside.calls).toEqual(before);
    }
    // As a deploy: the altered releases are there, and new runs would take them.
    await stack.publish(recordings.map((recording) => agentOf(recording, outside.url, ALTERED)));
    for (const recording of recordings) {
      const session = `airline-${recording.index}`;
      const release = (await readPointer(stack.store, session))?.pointer.release ?? '';
      const runs = await runsOf(recording);
      const run = runs[random(runs.length || 1)];
      if (!run) continue;
      const from = run.goesOnFrom?.length ?? 0;
      const places = recording.messages.flatMap(({ role }, at) =>
        role === 'assistant' && at > from && at < (run.ended?.length ?? 0) ? [at] : [],
      );
      const place = places[random(places.length || 1)] ?? from + 1;
      altered.set(recording.index, place);
      const before = new Map(outside.calls);
      const compared = await compareWithShadow(stack.store, await shadowed(run.id, release));
      expect({ recording: recording.index, at: compared.first?.position }).toEqual({
        recording: recording.index,
        at: place,
      });
      expect(outside.calls).toEqual(before);
      sums.found += 1;
    }
    console.log(
      `${recordings.length} recordings, ${sums.runs} runs, ${sums.calls} tool calls: of their shadows ${sums.recorded} calls were answered ` +
        `as recorded, ${sums.executed} executed, ${sums.different} runs differ; ${sums.found} of ${recordings.length} alterations were found where they were put`,
    );
    expect(sums).toMatchObject({ executed: 0, different: 0, recorded: sums.calls, found: recordings.length });
  },
  LONG_MS,
);

const sumOf = (calls: ReadonlyMap<string, number>): number => [...calls.values()].reduce((sum, one) => sum + one, 0);
