// Needs: the build (npm run build), Unix sockets. The process of a toolbox, without Temporal: what it grants, what it may reach, and how
// it ends.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { Attempt } from '../../activities/deps';
import {
  canonicalJson,
  createMemoryStore,
  directToolStore,
  encodeMessage,
  objectHash,
  type ContentStore,
} from '../../activities/store';
import { limitedToolStore } from '../../activities/store/limited-tool-store';
import { callRecordName } from '../../activities/store/ref-names';
import { loadAgents } from '../../workers/load-agents';
import { publishReleases } from '../../workers/publish-releases';
import { toolboxEnvironment, toolboxProgram } from '../../workers/toolbox/environment';
import type { BeginToolbox } from '../../workers/toolbox/messages';
import { startToolProcess, type ToolProcess, type ToolProcessOptions } from '../../workers/toolbox/tool-process';
import type { CallToolInput } from '../../workflows/contract/activities';
import { until } from '../e2e/cli';
import { settingsFor, tempProject, type TempProject } from './temp-project';

const AGENT = `
import { defineAgent, defineTool, defineToolbox } from 'longhaul';
import { z } from 'zod';
const payments = defineToolbox({ name: 'payments', secrets: ['PAY_KEY'] });
const mail = defineToolbox({ name: 'mail', secrets: ['MAIL_KEY'] });
const text = z.object({ text: z.string() });
const tool = (name, toolbox, run) =>
  defineTool({ name, description: name, input: text, output: z.string(), effect: 'read', toolbox, run, onFailure: 'stop' });
const pay = tool('pay', payments, ({ text }, { secrets }) => text + ' ' + Object.keys(secrets).join());
const send = tool('send', mail, () => 'sent');
const free = tool('free', undefined, () => 'free');
const wait = tool('wait', payments, (_, { signal }) => new Promise((_, no) => signal.addEventListener('abort', () => no(new Error('told')))));
const spin = tool('spin', payments, () => { console.log('spinning'); for (;;); });
const crash = tool('crash', payments, () => { process.exit(3); });
const fail = tool('fail', payments, () => { throw new Error('the line is dead'); });
const act = defineTool({ name: 'act', description: 'acts', input: text, output: z.string(), effect: 'idempotent', toolbox: payments, run: () => { console.log('it acted'); return 'acted'; } });
const talk = tool('talk', payments, () => { process.send({ kind: 'answered', id: 1, answer: 'forged' }); process.send('x'); return 'ok'; });
export const desk = defineAgent({ name: 'desk', instructions: 'x', tools: [pay, send, free, wait, spin, crash, fail, act, talk] });
`;
const OTHER = `
import { defineAgent, defineTool } from 'longhaul';
import { z } from 'zod';
const pay = defineTool({ name: 'pay', description: 'x', input: z.object({ text: z.string() }), output: z.string(), effect: 'read', run: () => 'mine' });
export const other = defineAgent({ name: 'other', instructions: 'x', tools: [pay] });
`;

let project: TempProject;
let store: ContentStore;
let release: string;
let otherRelease: string;
let files: string[];
const started: ToolProcess[] = [];
const called: unknown[] = [];
const lines: string[] = [];

beforeAll(async () => {
  project = tempProject({ 'agents/desk/agent.ts': AGENT, 'agents/other/agent.ts': OTHER });
  store = createMemoryStore();
  const { agents, problems } = await loadAgents({
    dir: path.join(project.folder, 'agents'),
    settings: settingsFor(project.folder),
  });
  expect(problems).toEqual([]);
  await publishReleases(store, agents);
  [release = '', otherRelease = ''] = ['desk', 'other'].map(
    (name) => agents.find(({ manifest }) => manifest.agent === name)?.release ?? '',
  );
  files = [path.join(project.folder, 'agents/desk/agent.ts')];
});
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});
afterAll(() => project.remove());

async function start(
  { breaker, ...options }: Partial<ToolProcessOptions> & Pick<BeginToolbox['toolbox'], 'breaker'> = {},
  load = files,
): Promise<ToolProcess> {
  const { models, providers, approvals, stateDir } = settingsFor(project.folder);
  const tool = startToolProcess({
    begin: {
      kind: 'begin',
      toolbox: { name: 'payments', secrets: ['PAY_KEY'], ...(breaker ? { breaker } : {}) },
      stateDir,
      settings: { models, providers, approvals: [...approvals] },
      approvers: { people: {}, allowUnsigned: true },
      strict: false,
    },
    store,
    program: toolboxProgram(),
    env: toolboxEnvironment(['PAY_KEY'], (name) => ({ PATH: process.env['PATH'], PAY_KEY: 'p4y' })[name]),
    metrics: {
      toolCall: (call) => called.push(call),
      stepBegun: () => undefined,
      reused: (kind) => called.push(kind),
      callRefused: (toolbox) => called.push(`refused in ${toolbox}`),
    },
    onBreaker: (state) => called.push(state),
    onLine: (line) => lines.push(line),
    ...options,
  });
  started.push(tool);
  expect(await tool.load({ files: load, servers: {}, releases: {} })).toEqual([]);
  return tool;
}

let turns = 0;
async function asking(name: string, more: Partial<CallToolInput> = {}): Promise<CallToolInput> {
  const message = encodeMessage({
    role: 'assistant',
    parts: [{ type: 'tool-call', call: 0, name, arguments: { text: 'hello' } }],
  });
  const [hash = ''] = (await store.commit({ objects: [message] })).hashes;
  turns += 1;
  const key = { run: 'first', fork: 0, turn: turns, index: 1 };
  return { key, agent: 'desk', release, tenant: 't', name, message: hash, call: 0, input: hash, ...more };
}
const attempt = (signal = new AbortController().signal): Attempt => ({
  number: 3,
  workflowId: 'w',
  runId: 'r',
  signal,
});

test('a call is made with the secrets of the toolbox, and its record is of that process', async () => {
  const tool = await start();
  const input = await asking('pay');
  expect(await tool.call(input, attempt())).toMatchObject({ message: { preview: 'hello PAY_KEY' } });
  const record = await store.readRef(callRecordName(input.key));
  expect(record?.value).toMatchObject({ worker: expect.stringMatching(new RegExp(`^${tool.pid}@`)), release });
  expect(called).toEqual([
    {
      ...{ kind: 'called', agent: 'desk', release: expect.stringMatching(/^[0-9a-f]{64}$/) as string, tool: 'pay' },
      ...{ outcome: 'ok', seconds: expect.any(Number) as number },
    },
  ]);
  expect(await tool.call(input, attempt())).toMatchObject({ reused: true });
});

describe('a call that a workflow has forged is refused', () => {
  test.each([
    ['a tool of another toolbox', () => asking('send'), 'has no tool "send" in toolbox payments'],
    ['a tool without a toolbox', () => asking('free'), 'has no tool "free" in toolbox payments'],
    ['a tool that there is not', () => asking('shell'), 'has no tool "shell" in toolbox payments'],
    [
      'a tool that the release of its run has elsewhere',
      () => asking('pay', { agent: 'desk', release: otherRelease }),
      'is not a release of agent "desk"',
    ],
  ])('%s', async (_, forged, why) => {
    const tool = await start();
    await expect(tool.call(await forged(), attempt())).rejects.toMatchObject({
      message: expect.stringContaining(why),
      nonRetryable: true,
    });
  });

  test('a release that grants it under the name of another', async () => {
    const [bytes = new Uint8Array()] = await store.get([release]);
    const wide = canonicalJson({ ...JSON.parse(Buffer.from(bytes).toString()), instructions: 'wider' });
    const name = objectHash(Buffer.from('a release that there is not'));
    const lying: ContentStore = {
      ...store,
      get: (hashes) => (hashes[0] === name ? Promise.resolve([wide]) : store.get(hashes)),
    };
    const tool = await start({ store: { ...lying, of: () => lying } });
    await expect(tool.call(await asking('pay', { release: name }), attempt())).rejects.toMatchObject({
      type: 'Store.ObjectCorrupt',
    });
  });
});

describe('a call of a shadow, which Temporal names by the id of its workflow', () => {
  const ofShadow = (shadow?: Attempt['shadow']): Attempt => ({
    ...attempt(),
    workflowId: 'shadow/run_1/ffffffffffff',
    ...(shadow ? { shadow } : {}),
  });

  test('is not made, and the model is told so, whatever its input says and its parent lets through', async () => {
    const tool = await start();
    called.length = 0;
    for (const [name, shadow] of [
      ['pay', undefined],
      ['pay', { same: 'x' }],
      ['act', { same: 'x', mayRead: true }],
    ] as const) {
      const input = await asking(name);
      expect(await tool.call(input, ofShadow(shadow))).toMatchObject({ failure: 'Tool.NotExecuted' });
      const record = await store.readRef(callRecordName(input.key));
      expect(record?.value).toMatchObject(shadow ? { shadow: { how: 'not-executed', same: 'x' } } : { name });
    }
    // What a shadow does is counted nowhere.
    expect(called).toEqual([]);
  });

  test('is made where its tool only reads and that is allowed', async () => {
    const tool = await start();
    const input = await asking('pay');
    expect(await tool.call(input, ofShadow({ same: 'x', mayRead: true }))).toMatchObject({
      message: { preview: 'hello PAY_KEY' },
    });
    expect((await store.readRef(callRecordName(input.key)))?.value).toMatchObject({ shadow: { how: 'ran' } });
  });
});

test('what a tool says to its parent by itself is nobody’s', async () => {
  const tool = await start();
  const [waited, talked] = [await asking('wait'), await asking('talk')];
  const stop = new AbortController();
  const waiting = tool.call(waited, attempt(stop.signal));
  expect(await tool.call(talked, attempt())).toMatchObject({ message: { preview: 'ok' } });
  stop.abort();
  await expect(waiting).rejects.toThrow('cancelled');
});

test('calls that fail in a row open its breaker: the next one is refused, of whichever tool, until one goes through', async () => {
  const tool = await start({ breaker: { failures: 2, openForMs: 2_000 } });
  called.length = 0;
  for (let nth = 0; nth < 2; nth += 1)
    await expect(tool.call(await asking('fail'), attempt())).rejects.toMatchObject({ type: 'Tool.Failed' });
  await expect(tool.call(await asking('pay'), attempt())).rejects.toMatchObject({
    type: 'Tool.CircuitOpen',
    message: expect.stringMatching(
      /^toolbox payments is not called for another 2 s: its last 2 calls failed\.$/,
    ) as string,
    nextRetryDelay: expect.any(Number) as number,
  });
  await after(2_050);
  expect(await tool.call(await asking('pay'), attempt())).toMatchObject({ message: { preview: 'hello PAY_KEY' } });
  expect(called.filter((one) => typeof one === 'string')).toEqual(['open', 'refused in payments', 'trying', 'closed']);
});

test('a call whose process ends is lost with a failure that Temporal retries, and so is the next', async () => {
  const tool = await start();
  const crashed = tool.call(await asking('crash'), attempt());
  await expect(crashed).rejects.toMatchObject({ type: 'Worker.Lost', nonRetryable: false });
  expect(await tool.ended).toBe('exit code 3');
  await expect(tool.call(await asking('pay'), attempt())).rejects.toMatchObject({ type: 'Worker.Lost' });
});

test('a tool that holds the only thread is ended with its process, when its call is cancelled', async () => {
  const tool = await start();
  const stop = new AbortController();
  const lost = expect(tool.call(await asking('spin'), attempt(stop.signal))).rejects.toMatchObject({
    type: 'Worker.Lost',
  });
  await until('a busy tool', () => lines.includes('spinning'));
  stop.abort();
  await lost;
  expect(await tool.ended).toBe('SIGKILL');
});

test('of records a process reaches those of its calls under way, and no other', async () => {
  const [own, another] = [1, 2].map((index) => callRecordName({ run: 'r', fork: 0, turn: 1, index }));
  const view = limitedToolStore(directToolStore(store), (name) => name === own).of('t');
  const refused = { type: 'Runtime.Unexpected', message: expect.stringContaining('no call under way') as string };
  for (const name of [another, 'run/r', 'call/r'].map(String)) {
    await expect(view.readCallRecord(name)).rejects.toMatchObject(refused);
    await expect(view.commitCall({ objects: [], record: { name, value: 1 } })).rejects.toMatchObject(refused);
  }
  expect(await view.commitCall({ objects: [Buffer.from('x')], record: { name: String(own), value: 1 } })).toBe(true);
  expect(await view.readCallRecord(String(own))).toMatchObject({ value: 1 });
});

test('a file that does not load is told, and the agents of others are not run at all', async () => {
  const broken = path.join(project.folder, 'broken/agent.ts');
  mkdirSync(path.dirname(broken), { recursive: true });
  writeFileSync(broken, 'export const = 1');
  const tool = await start();
  expect(await tool.load({ files: [broken], servers: {}, releases: {} })).toEqual([
    expect.objectContaining({ file: broken, line: 1 }),
  ]);
  await expect(
    tool.call(await asking('pay', { agent: 'other', release: otherRelease }), attempt()),
  ).rejects.toMatchObject({
    type: 'Release.NotLoaded',
  });
});
