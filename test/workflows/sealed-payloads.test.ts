// Needs a Temporal server (embedded, real) and its command line, the model server over HTTP, and a store on disk. What Temporal holds of a run with
// keys, read by who has them and who has not.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { createPayloadCodec, dataConverterFor, openKeyRing } from '../../activities/keys';
import { sealedWith } from '../../activities/keys/key-ring';
import { startCodecServer, type CodecServer } from '../../client/cli/codec-server';
import { liveRun } from '../../client/live-run';
import { encodingFailures } from '../../workers/failure-encoding';
import { workflowBundle } from '../../workers/workflow-bundle';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { payloadText } from '../stack/payload-text';
import { startTestStack, temporalCli, type TestStack } from '../stack/test-stack';

const CANARY = 'kanarienvogel-4711';
const newKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const OLD = newKey('old');
const NEW = newKey('new');
const keys = openKeyRing(OLD);

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.object({ seen: z.string() }),
  effect: 'read',
  run: ({ at }) => {
    if (at.startsWith('nothing')) throw new Error(`there is no ${CANARY} in error`);
    return { seen: `${CANARY} in result` };
  },
  retry: { attempts: 1 },
});
const agent = defineAgent({ name: 'secretive', instructions: 'Look.', tools: [look], limits: { turns: 3 } });

let model: ModelServer;
let stack: TestStack;
let codecServer: CodecServer;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  stack = await startTestStack({ agents: [agent], modelUrl: model.url, keys });
  codecServer = await startCodecServer({ codec: createPayloadCodec(keys), port: 0, origins: () => [] });
}, 60_000);
afterAll(async () => {
  await codecServer.close();
  await stack.close();
  await model.close();
});

const answered = script()
  .call('look', { at: `${CANARY} in arguments` })
  .call('look', { at: `nothing ${CANARY}` })
  .answer(`${CANARY} in answer`);
const exhausted = script()
  .call('look', { at: `${CANARY} in arguments` })
  .call('look', { at: `nothing ${CANARY}` })
  .call('look', { at: `${CANARY} again` });

const started = async (id: string, replies: typeof answered): Promise<void> => {
  model.setScript(replies);
  const run = await stack.client.agent<typeof agent>('secretive').start(`where is ${CANARY}?`, { id });
  await run.result();
};
const temporal = async (...args: string[]): Promise<string> => {
  const all = [...args, '--output', 'json', '--address', stack.server.address];
  const { stdout } = await promisify(execFile)(await temporalCli(), all, { maxBuffer: 1 << 26 });
  return payloadText(JSON.parse(stdout));
};
const keyless = (): Client => new Client({ connection: stack.temporal.connection, namespace: 'default' });
const reading = (ring: string | undefined): Client =>
  new Client({
    connection: stack.temporal.connection,
    namespace: 'default',
    dataConverter: dataConverterFor(ring === undefined ? undefined : openKeyRing(ring)),
  });
const failureOf = (work: Promise<unknown>): Promise<{ type?: unknown; message: string; cause?: unknown }> =>
  work.then(
    () => Promise.reject(new Error('nothing failed')),
    (error: unknown) => error as { type?: unknown; message: string },
  );

describe('a run with a canary in its question, arguments, results, errors and answer', () => {
  beforeAll(async () => {
    await started('completed', answered);
    await started('failed', exhausted);
  });

  test('is read in full by who has the keys', async () => {
    const run = stack.client.run('completed');
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: `${CANARY} in answer` });
    const description = await run.describe();
    expect(description.memo).toMatchObject({ question: `where is ${CANARY}?`, answer: `${CANARY} in answer` });
    expect(await description.staticSummary()).toContain(CANARY);
    expect((await run.progress()).steps.map((step) => step.label).join()).toContain(CANARY);
  });

  test.each(['completed', 'failed'])('leaves it nowhere in what Temporal holds of the %s one', async (id) => {
    const shown = await temporal('workflow', 'show', '-w', id);
    expect(shown).toContain('binary/encrypted');
    expect(shown).not.toContain(CANARY);
    const handle = keyless().workflow.getHandle(id);
    const history = payloadText(await handle.fetchHistory());
    expect(history).toContain('binary/encrypted');
    expect(history).not.toContain(CANARY);
    expect(await temporal('workflow', 'describe', '-w', id)).not.toContain(CANARY);
    expect(await temporal('workflow', 'list')).not.toContain(CANARY);
  });

  test('keeps texts of failures from the history, and their types readable', async () => {
    const events = (await keyless().workflow.getHandle('failed').fetchHistory()).events ?? [];
    const failure = events.at(-1)?.workflowExecutionFailedEventAttributes?.failure;
    expect(failure?.message).toBe('Encoded failure');
    expect(failure?.stackTrace).toBe('');
    expect(failure?.applicationFailureInfo?.type).toBe('Budget.TurnsExhausted');
    expect(await failureOf(stack.temporal.workflow.getHandle('failed').result())).toMatchObject({
      cause: { type: 'Budget.TurnsExhausted', message: expect.stringContaining('turns') as string },
    });
  });

  test('lies nowhere on the disk of the server or the store', () => {
    const files = readdirSync(stack.stateDir, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const holding = files
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => readFileSync(file).includes(CANARY));
    expect(files.length).toBeGreaterThan(3);
    expect(holding).toEqual([]);
  });

  test('is shown by the temporal command line through the codec server', async () => {
    const shown = await temporal('workflow', 'show', '-w', 'failed', '--codec-endpoint', codecServer.url);
    expect(shown).toContain(`${CANARY} in arguments`);
    expect(shown).toContain('3 turns were allowed');
    expect(shown).not.toContain('binary/encrypted');
  });
});

test('why a call is tried again is told in full to who has the keys', async () => {
  model.setScript(script().answer('at last'));
  model.addFaults({ when: { nth: 1 }, do: { status: 503, retryAfter: 3 } });
  const run = await stack.client.agent<typeof agent>('secretive').start('patience?', { id: 'patient' });
  const failures = async (client: Client): Promise<(string | undefined)[]> =>
    (await liveRun(client, 'patient'))?.pending.map(({ lastFailure }) => lastFailure) ?? [];
  while (!(await failures(stack.temporal)).some(Boolean)) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await failures(stack.temporal)).toEqual([expect.stringMatching(/^Model\.\w+: .*503/)]);
  expect(await failureOf(failures(reading(undefined)))).toMatchObject({ type: 'Store.KeyMissing' });
  model.clearFaults();
  await run.result();
});

/** Ids of the keys that sealed what a history holds. */
function keysOf(value: unknown, found = new Set<string>()): Set<string> {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return found;
  const id = 'data' in value && value.data instanceof Uint8Array ? sealedWith(value.data) : undefined;
  if (id !== undefined) found.add(id);
  for (const part of Object.values(value)) keysOf(part, found);
  return found;
}

describe('with other keys', () => {
  beforeAll(() => started('before', answered));

  test.each([
    ['another', newKey('another')],
    ['another key of the same id', newKey('old')],
    ['none', undefined],
  ])('(%s) a reader is told which one is missing', async (_, ring) => {
    const failure = await failureOf(reading(ring).workflow.getHandle('before').result());
    expect(failure).toMatchObject({ type: 'Store.KeyMissing', message: expect.stringContaining('"old"') as string });
  });

  test('a worker without the key waits, and goes on when it has it: after a rotation too', async () => {
    model.setScript(script().answer('late'));
    await stack.stopWorker();
    const run = await stack.client.agent<typeof agent>('secretive').start(`and ${CANARY}?`, { id: 'rotated' });
    await stack.restartWorker({ keys: openKeyRing(NEW) });
    const failed = async (): Promise<string> => {
      for (;;) {
        const events = (await keyless().workflow.getHandle('rotated').fetchHistory()).events ?? [];
        const failure = events.find(
          (event) => event.workflowTaskFailedEventAttributes,
        )?.workflowTaskFailedEventAttributes;
        if (failure) return failure.failure?.message ?? '';
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    expect(await failed()).toMatch(/"old"|Encoded failure/);
    const rotated = openKeyRing(`${NEW},${OLD},${newKey('names')}`);
    await stack.restartWorker({ keys: rotated });
    const client = new Client({
      connection: stack.temporal.connection,
      namespace: 'default',
      dataConverter: dataConverterFor(rotated),
    });
    await client.workflow.getHandle('rotated').result();
    const history = await keyless().workflow.getHandle('rotated').fetchHistory();
    expect(keysOf(history)).toEqual(new Set(['old', 'new']));
    // What was sealed before is still read, with the one key and with both.
    await expect(client.workflow.getHandle('before').result()).resolves.toBeDefined();
    // And a reader that has only the old key is told of the new one.
    expect(await failureOf(run.describe().then((description) => description.memo))).toMatchObject({
      type: 'Store.KeyMissing',
    });
    await stack.restartWorker();
  }, 90_000);
});

test('a sealed history replays with its keys, under its own id or as any run', async () => {
  const history = await keyless().workflow.getHandle('failed').fetchHistory();
  const bundle = await encodingFailures(await workflowBundle());
  const replay = (options: { anyRun?: boolean }, id?: string): Promise<void> =>
    Worker.runReplayHistory({ workflowBundle: bundle, dataConverter: dataConverterFor(keys, options) }, history, id);
  await expect(replay({}, 'failed')).resolves.toBeUndefined();
  await expect(replay({ anyRun: true })).resolves.toBeUndefined();
  await expect(replay({}, 'another')).rejects.toThrow();
});
