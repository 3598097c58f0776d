// Needs: the build (npm run build), Unix sockets. A server of MCP as the process of its toolbox has it: the same release as where agents are
// loaded, the toolbox's secrets alone, and no longer than that process.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createMcpServers } from '../../activities/mcp/mcp-servers';
import { createMemoryStore, encodeMessage, type ContentStore } from '../../activities/store';
import { loadAgents, type FoundAgent } from '../../workers/load-agents';
import { publishReleases } from '../../workers/publish-releases';
import { toolboxEnvironment, toolboxProgram } from '../../workers/toolbox/environment';
import { startToolProcess, type ToolProcess } from '../../workers/toolbox/tool-process';
import { toolboxSpecs, type ToolboxSpec } from '../../workers/toolbox/toolbox-specs';
import { isRunning, until } from '../e2e/cli';
import { settingsFor, tempProject, type TempProject } from './temp-project';

const SERVER = path.join(__dirname, '../activities/mcp-bad-server.mjs');
const ENV: { [name: string]: string | undefined } = {
  PATH: process.env['PATH'],
  VAULT_KEY: 'v-1a2b3c',
  PAY_KEY: 'p-4y',
};

const box = (how: string, tools: string, log: string): string => `mcpToolbox({
  name: 'vault', secrets: ['VAULT_KEY'], tools: ${tools}, atOnce: 3, breaker: { failures: 2 },
  server: { command: process.execPath, args: [${JSON.stringify(SERVER)}, '${how}', ${JSON.stringify(log)}] },
})`;
const agents = (log: string): string => `
import { defineAgent, defineTool, defineToolbox, mcpToolbox } from 'longhaul';
import { z } from 'zod';
const pay = defineTool({
  name: 'pay', description: 'x', input: z.object({ text: z.string() }), output: z.string(), effect: 'read',
  toolbox: defineToolbox({ name: 'payments', secrets: ['PAY_KEY'] }), run: ({ text }) => 'paid ' + text,
});
export const clerk = defineAgent({ name: 'clerk', instructions: 'x', tools: [pay] });
export const both = defineAgent({ name: 'both', instructions: 'x', tools: [pay], toolboxes: [${box('two', "{ say: { effect: 'read' } }", log)}] });
export const all = defineAgent({ name: 'all', instructions: 'x', toolboxes: [${box('two', "'all'", log)}] });
export const sing = defineAgent({ name: 'sing', instructions: 'x', toolboxes: [${box('two', "{ sing: { as: 'chant', approval: false } }", log)}] });
export const other = defineAgent({ name: 'other', instructions: 'x', toolboxes: [${box('changed', "{ say: { effect: 'read' } }", log)}] });
`;

let project: TempProject;
let log: string;
let store: ContentStore;
let found: FoundAgent[];
let specs: ToolboxSpec[];
const started: ToolProcess[] = [];

beforeAll(async () => {
  project = tempProject();
  log = path.join(project.folder, 'server.log');
  project.write('agents/clerk/agent.ts', agents(log));
  store = createMemoryStore();
  const secretsOf = ({ secrets }: { secrets: readonly string[] }) =>
    Object.fromEntries(secrets.map((name) => [name, ENV[name] ?? '']));
  const mcp = createMcpServers({ secretsOf });
  const dir = path.join(project.folder, 'agents');
  const loaded = await loadAgents({ dir, settings: settingsFor(project.folder), mcp });
  await mcp.close();
  expect(loaded.problems).toEqual([]);
  found = loaded.agents;
  specs = toolboxSpecs(found);
  await publishReleases(store, found);
});
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});
afterAll(() => project.remove());

function start(name: string): { tool: ToolProcess; spec: ToolboxSpec } {
  const spec = specs.find((one) => one.name === name) ?? {
    name,
    secrets: [],
    limits: {},
    rates: {},
    files: [],
    servers: {},
    releases: {},
  };
  const { models, providers, approvals, stateDir } = settingsFor(project.folder);
  const tool = startToolProcess({
    // Strict: one that came to another release than its parent would refuse the call.
    begin: {
      kind: 'begin',
      toolbox: { name, secrets: spec.secrets },
      stateDir,
      settings: { models, providers, approvals: [...approvals] },
      approvers: { people: {}, allowUnsigned: true },
      strict: true,
    },
    store,
    program: toolboxProgram(),
    env: toolboxEnvironment(spec.secrets, (variable) => ENV[variable]),
    metrics: {
      toolCall: () => undefined,
      stepBegun: () => undefined,
      reused: () => undefined,
      callRefused: () => undefined,
    },
    onBreaker: () => undefined,
    onLine: () => undefined,
  });
  started.push(tool);
  return { tool, spec };
}

test('the limits of a server are those of its toolbox', () => {
  expect(specs.find(({ name }) => name === 'vault')?.limits).toEqual({
    atOnce: 3,
    breaker: { failures: 2, openForMs: 30_000 },
  });
});

let turns = 0;
async function call(tool: ToolProcess, agent: string, name: string): Promise<string> {
  const parts = [{ type: 'tool-call' as const, call: 0, name, arguments: { text: 'hello' } }];
  const [message = ''] = (await store.commit({ objects: [encodeMessage({ role: 'assistant', parts })] })).hashes;
  const release = found.find(({ manifest }) => manifest.agent === agent)?.release ?? '';
  const key = { run: 'first', fork: 0, turn: ++turns, index: 1 };
  const input = { key, agent, release, tenant: 't', name, message, call: 0, input: message };
  const signal = new AbortController().signal;
  const answer = await tool.call(input, { number: 1, workflowId: 'w', runId: 'r', signal });
  return 'message' in answer ? answer.message.preview : answer.kind;
}
const starts = (): string[] =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('start '));

test.each(['payments', 'vault'])('all agents of the file load in the process of toolbox %s', async (name) => {
  const { tool, spec } = start(name);
  expect(await tool.load(spec)).toEqual([]);
});

test('its tools are called there, whichever of them an agent takes, and whatever other servers go by the name', async () => {
  const { tool, spec } = start('vault');
  await tool.load(spec);
  expect(await call(tool, 'both', 'say')).toBe('hello');
  // Found there, and held to what a person must agree to: it is at-most-once, as nobody has said what it is.
  await expect(call(tool, 'all', 'sing')).rejects.toMatchObject({ type: 'Tool.NotApproved' });
  expect(await call(tool, 'sing', 'chant')).toBe('hello');
  expect(await call(tool, 'other', 'say')).toBe('hello');
});

test('the server is given the secrets of its toolbox, and no other toolbox calls it', async () => {
  const { tool, spec } = start('payments');
  await tool.load(spec);
  expect(await call(tool, 'both', 'pay')).toBe('paid hello');
  await expect(call(tool, 'both', 'say')).rejects.toMatchObject({ type: 'Tool.NotGranted' });
  for (const line of starts()) {
    expect(line).toContain('VAULT_KEY');
    expect(line).not.toContain('PAY_KEY');
  }
});

test('it ends with the process, and is let finish', async () => {
  const { tool, spec } = start('vault');
  await tool.load(spec);
  const before = starts().length;
  await call(tool, 'both', 'say');
  expect(starts()).toHaveLength(before + 1);
  const pid = Number(starts().at(-1)?.split(' ')[1]);
  expect(isRunning(pid)).toBe(true);
  await tool.stop();
  await until('its end', () => !isRunning(pid));
  expect(readFileSync(log, 'utf8')).toContain(`finished ${pid}\n`);
});
