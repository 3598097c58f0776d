// Needs: local ports, and public servers of MCP from node_modules. What agents are offered of a server, and what becomes of one that misbehaves.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { defineAgent, defineTool, mcpToolbox, type AnyAgent, type McpToolbox } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import type { LoadedAgent } from '../../activities/deps';
import { createMcpServers } from '../../activities/mcp/mcp-servers';
import { requireAgent } from '../../activities/require-agent';
import { runTool, type ToolOutcome, type Unfinished } from '../../activities/run-tool';
import { canonicalJson, createMemoryStore, directToolStore } from '../../activities/store';
import { buildRelease } from '../../workers/build-release';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { settingsFor } from '../unit/temp-project';

const EVERYTHING = require.resolve('@modelcontextprotocol/server-everything/dist/index.js');
const FILESYSTEM = require.resolve('@modelcontextprotocol/server-filesystem/dist/index.js');
const BAD = path.join(__dirname, 'mcp-bad-server.mjs');
const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'longhaul-mcp-')));
const SECRETS: { [name: string]: string } = { VAULT_KEY: 'v-1a2b3c4d5e6f' };
const secretsOf = ({ secrets }: { secrets: readonly string[] }) =>
  Object.fromEntries(secrets.map((name) => [name, SECRETS[name] ?? '']));
const servers = createMcpServers({ secretsOf });
const children: ChildProcess[] = [];
afterAll(async () => {
  await servers.close();
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

const agentWith = (...toolboxes: McpToolbox[]): AnyAgent => defineAgent({ name: 'a', instructions: 'x', toolboxes });
const release = (agent: AnyAgent, mcp = servers): Promise<LoadedAgent> =>
  buildRelease(agent, { file: '/nowhere/agent.ts', settings: settingsFor('/nowhere'), code: 'c0de', mcp });

const store = createMemoryStore();
async function call(
  { agent }: { agent: Pick<AnyAgent, 'tools'> },
  name: string,
  args: { [key: string]: z.core.util.JSONType },
  { timeoutMs = 20_000, signal = new AbortController().signal } = {},
): Promise<ToolOutcome | Unfinished> {
  return await runTool(
    { stateDir: '', failpoint: () => Promise.resolve(), secretsOf, toolStore: directToolStore(store), now: Date.now },
    {
      ...{ key: { run: 'r', fork: 0, turn: 1, index: 1 }, agent: 'a', release: '', tenant: 't' },
      ...{ name, message: '', call: 0, input: '', timeoutMs },
    },
    { number: 1, workflowId: 'w', runId: 'r', signal },
    { agent },
    { call: { type: 'tool-call', call: 0, name, arguments: args }, effect: undefined, isLast: true },
  );
}
const told = (outcome: ToolOutcome | Unfinished): string =>
  'parts' in outcome
    ? outcome.parts.map((part) => (part.type === 'text' ? part.text : part.type)).join('|')
    : 'unfinished';

const everything = { command: process.execPath, args: [EVERYTHING, 'stdio'] };
const bad = (how: string, ...more: string[]) => ({ command: process.execPath, args: [BAD, how, ...more] });
const sayBox = (how: string, effect: 'read' | 'at-most-once' = 'read', log = path.join(folder, `${how}.log`)) =>
  mcpToolbox({ name: how, server: bad(how, log), tools: { say: { effect } } });
const logOf = (how: string): string[] =>
  readFileSync(path.join(folder, `${how}.log`), 'utf8')
    .trim()
    .split('\n');
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a public server, over stdio', () => {
  const box = mcpToolbox({
    name: 'everything',
    server: { ...everything, env: { GREETING: 'hello', TOKEN: 'Bearer {secrets.VAULT_KEY}' } },
    secrets: ['VAULT_KEY'],
    tools: {
      echo: { effect: 'read', timeout: '5s' },
      'get-sum': { as: 'sum' },
      'get-structured-content': { effect: 'read' },
      'get-tiny-image': { effect: 'read' },
      'get-env': { effect: 'read' },
    },
  });
  let loaded: LoadedAgent;
  beforeAll(async () => {
    const own = defineTool({
      name: 'own',
      description: 'x',
      input: z.object({}),
      output: z.string(),
      effect: 'read',
      run: () => '',
    });
    loaded = await release(defineAgent({ name: 'a', instructions: 'x', tools: [own], toolboxes: [box] }));
  });

  test('a release has its tools, as it describes them, pinned; what is not said of one is the strictest', () => {
    const { manifest } = loaded;
    expect(manifest.tools.map(({ name, toolbox }) => [name, toolbox])).toEqual([
      ['own', undefined],
      ...['echo', 'sum', 'get-structured-content', 'get-tiny-image', 'get-env'].map((name) => [name, 'everything']),
    ]);
    expect(manifest.tools[2]).toMatchObject({
      input: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
      mcp: { tool: 'get-sum', schemas: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(manifest.tools[2]?.input).not.toHaveProperty('$schema');
    expect(manifest.plan.tools).toMatchObject({
      echo: { effect: 'read', timeoutMs: 5_000, attempts: 3 },
      sum: { effect: 'at-most-once', attempts: 3, repeats: 'same-action' },
    });
    expect(releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(canonicalJson(manifest))))).toEqual(
      manifest,
    );
  });

  test('the same server gives the same release', async () => {
    expect((await release(agentWith(box))).release).toBe((await release(agentWith(box))).release);
  });

  test('text, structured content and images are what the tool answers', async () => {
    expect(told(await call(loaded, 'echo', { message: 'hi' }))).toBe('Echo: hi');
    expect(told(await call(loaded, 'sum', { a: 2, b: 3 }))).toMatch(/5/);
    const structured = told(await call(loaded, 'get-structured-content', { location: 'Chicago' }));
    expect(JSON.parse(structured)).toEqual({
      temperature: expect.any(Number),
      conditions: expect.any(String),
      humidity: expect.any(Number),
    });
    const image = await call(loaded, 'get-tiny-image', {});
    expect(told(image)).toMatch(/image\/png.*\|image$/);
    expect('objects' in image && image.objects).toHaveLength(1);
  });

  test('arguments that do not fit the server’s schema never reach it', async () => {
    expect(told(await call(loaded, 'sum', { a: 'two' }))).toMatch(/^Tool\.InvalidArguments: .*'b'.*must be number/);
  });

  test('its process sees the declared secrets and what programs need to run, and nothing else', async () => {
    const seen = z.record(z.string(), z.string()).parse(JSON.parse(told(await call(loaded, 'get-env', {}))));
    const needed = ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER'];
    expect(
      Object.keys(seen)
        .filter((name) => !needed.includes(name))
        .sort(),
    ).toEqual(['GREETING', 'TOKEN', 'VAULT_KEY']);
    // Taken out of what the tool answers: it was the very secret, or it would stand there.
    expect(seen['TOKEN']).toBe('Bearer [redacted]');
  });
});

test('another public server: files of one folder, all its tools taken', async () => {
  writeFileSync(path.join(folder, 'note.txt'), 'remember');
  const server = { command: process.execPath, args: [FILESYSTEM, folder] };
  const loaded = await release(agentWith(mcpToolbox({ name: 'files', server, tools: 'all' })));
  expect(loaded.manifest.tools.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['read_text_file', 'write_file']),
  );
  expect(new Set(Object.values(loaded.manifest.plan.tools).map(({ effect }) => effect))).toEqual(
    new Set(['at-most-once']),
  );
  expect(told(await call(loaded, 'read_text_file', { path: path.join(folder, 'note.txt') }))).toMatch(/remember/);
  expect(told(await call(loaded, 'read_text_file', { path: '/etc/hostname' }))).toMatch(/^Tool\.Rejected: .*denied/i);
});

describe('a public server, over streamable HTTP', () => {
  let url: string;
  beforeAll(async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const address = probe.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await new Promise((resolve) => probe.close(resolve));
    url = `http://127.0.0.1:${port}/mcp`;
    await start(port);
  });
  async function start(port: number): Promise<ChildProcess> {
    const child = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    for await (const chunk of child.stderr) if (/listening/.test(String(chunk))) break;
    return child;
  }

  test('its tools are called, and again when it was started anew', async () => {
    const tools = { echo: { effect: 'read' } } as const;
    const loaded = await release(agentWith(mcpToolbox({ name: 'remote', server: { url, allowPrivate: true }, tools })));
    expect(told(await call(loaded, 'echo', { message: 'hi' }))).toBe('Echo: hi');
    const first = children.at(-1);
    first?.kill();
    if (first) await once(first, 'exit');
    expect(told(await call(loaded, 'echo', { message: 'hi' }))).toMatch(
      /^Tool\.Failed: 127\.0\.0\.1:\d+ cannot be reached/,
    );
    await start(Number(new URL(url).port));
    expect(told(await call(loaded, 'echo', { message: 'again' }))).toBe('Echo: again');
  });

  test('a private address is refused unless it is allowed', async () => {
    const box = mcpToolbox({ name: 'inside', server: { url }, tools: 'all' });
    await expect(release(agentWith(box))).rejects.toThrow(
      '127.0.0.1 has a loopback address, which this tool is not allowed to reach.',
    );
  });
});

describe('a server that cannot be released with', () => {
  test.each([
    [
      'crashes-at-start',
      /^the server of toolbox crashes-at-start did not start: .* It said: cannot open the vault with \[redacted\]$/,
    ],
    ['silent', /^the server of toolbox silent did not start: .*timed out/i],
    ['no-schema', /^toolbox no-schema: tool "say" cannot be used: /],
    ['no-list', /^the server of toolbox no-list did not list its tools/],
  ])('%s is told in one line', async (how, said) => {
    const box = mcpToolbox({
      name: how,
      server: bad(how),
      tools: { say: {} },
      secrets: ['VAULT_KEY'],
      startTimeout: '1s',
    });
    const failed = await release(agentWith(box)).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Error);
    expect(failed instanceof Error && failed.message).toMatch(said);
  });

  test('a command that is not there, a tool that it does not have, a name that is taken', async () => {
    const none = mcpToolbox({ name: 'none', server: { command: '/no/such/program' }, tools: 'all' });
    await expect(release(agentWith(none))).rejects.toThrow(/^the server of toolbox none did not start: .*ENOENT/);
    const wrong = mcpToolbox({ name: 'wrong', server: bad('good'), tools: { sing: {} } });
    await expect(release(agentWith(wrong))).rejects.toThrow(
      'toolbox wrong: its server has no tool "sing". Its tools: say.',
    );
    const other = mcpToolbox({ name: 'other', server: bad('good'), tools: { say: {} } });
    await expect(release(agentWith(sayBox('good'), other))).rejects.toThrow(
      'agent a: two tools are named "say"; rename one.',
    );
  });
});

describe('a server that goes wrong later', () => {
  test('one that has changed a tool is refused, with the difference', async () => {
    const loaded = await release(agentWith(sayBox('changes', 'at-most-once')));
    expect(await call(loaded, 'say', { text: 'x' })).toMatchObject({
      failure: {
        type: 'Tool.Changed',
        message:
          'say of toolbox changes is not what the release was made with: input.properties.text.type was "string", is "number".',
      },
    });
    expect(logOf('changes').filter((line) => line.startsWith('call'))).toEqual([]);
  });

  test('a tool that is gone is refused too', async () => {
    const loaded = await release(agentWith(sayBox('loses-tool')));
    expect(told(await call(loaded, 'say', { text: 'x' }))).toBe(
      'Tool.Changed: say of toolbox loses-tool is not what the release was made with: it is gone.',
    );
  });

  test('a run of an older release is held to what that release says', async () => {
    const loaded = await release(agentWith(sayBox('good')));
    const [tool, ...rest] = loaded.manifest.tools;
    const older = canonicalJson({ ...loaded.manifest, tools: [{ ...tool, description: 'Sings it.' }, ...rest] });
    const [hash = ''] = (await store.commit({ objects: [older] })).hashes;
    const pinned = await requireAgent(
      { toolStore: directToolStore(store), agents: { resolve: () => loaded } },
      { agent: 'a', release: hash },
    );
    expect(told(await call(pinned, 'say', { text: 'x' }))).toMatch(/: description was "Sings it\.", is "Says it\."\.$/);
  });

  test('one that dies in a call is started again by the next', async () => {
    const loaded = await release(agentWith(sayBox('dies-once')));
    expect(told(await call(loaded, 'say', { text: 'die' }))).toMatch(
      /^Tool\.Failed: the server of toolbox dies-once did not answer: .*closed/i,
    );
    expect(told(await call(loaded, 'say', { text: 'live' }))).toBe('live');
    expect(logOf('dies-once').filter((line) => line.startsWith('start'))).toHaveLength(2);
  });

  test('whether an at-most-once tool has acted before its server died is unknown', async () => {
    const loaded = await release(agentWith(sayBox('dies', 'at-most-once')));
    expect(told(await call(loaded, 'say', { text: 'x' }))).toMatch(
      /^Tool\.OutcomeUnknown: it may have happened, or not: /,
    );
  });

  test('one that hangs runs into the tool’s timeout', async () => {
    const loaded = await release(agentWith(sayBox('hangs')));
    expect(told(await call(loaded, 'say', { text: 'x' }, { timeoutMs: 300 }))).toBe(
      'Tool.Timeout: no answer within 300 ms.',
    );
  });

  test.each([
    ['floods', /^Tool\.InvalidOutput: the server of toolbox floods sent more than 4194304 bytes at once\.$/],
    ['lies-in-shape', /^Tool\.InvalidOutput: the tool answered in a wrong shape: .*said.* must be string/],
    [
      'lies-by-omission',
      /^Tool\.InvalidOutput: the tool has a schema of what it answers, and answered without such a value\.$/,
    ],
    ['garbage', /^Tool\.(Failed|InvalidOutput): the server of toolbox garbage did not answer/],
    ['fails', /^Tool\.Rejected: no such text: x$/],
    ['refuses', /^Tool\.Rejected: the server of toolbox refuses refused: .*text is not to its taste$/],
  ])('one that %s', async (how, said) => {
    const loaded = await release(agentWith(sayBox(how)));
    expect(told(await call(loaded, 'say', { text: 'x' }))).toMatch(said);
  });

  test('a cancelled run’s call is given up', async () => {
    const loaded = await release(agentWith(sayBox('hangs', 'read', path.join(folder, 'cancelled.log'))));
    const cancel = new AbortController();
    const calling = call(loaded, 'say', { text: 'x' }, { signal: cancel.signal });
    setTimeout(() => cancel.abort(), 100);
    await expect(calling).rejects.toThrow();
  });
});

test('the servers end with the worker, also one that does not want to', async () => {
  const mine = createMcpServers({ secretsOf });
  await release(agentWith(sayBox('ignores-its-end')), mine);
  const [, pid] = logOf('ignores-its-end')[0]?.split(' ') ?? [];
  expect(isAlive(Number(pid))).toBe(true);
  await mine.close();
  // It was sent the signal that cannot be ignored; the system takes a moment.
  for (let tries = 0; isAlive(Number(pid)) && tries < 100; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isAlive(Number(pid))).toBe(false);
}, 30_000);

describe('in a test of an agent', () => {
  const agent = defineAgent({
    name: 'clerk',
    instructions: 'x',
    toolboxes: [
      mcpToolbox({
        name: 'vault',
        server: { command: '/no/such/program' },
        tools: { 'vault.read': { as: 'read', approval: false }, list: { approval: false } },
      }),
    ],
  });

  test('its tools are replaced by name, and no server is started', async () => {
    const model = script().call({ name: 'read' }, { id: 7 }).answer('done');
    const run = await testAgent(agent, { model, tools: { read: ({ id }) => `note ${JSON.stringify(id)}` } }).start(
      'go',
    );
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect((await run.transcript())[2]).toMatchObject({ role: 'tool', parts: [{ text: 'note 7' }] });
  });

  test('one that is not replaced says so', async () => {
    const model = script().call({ name: 'list' }, {}).answer('done');
    await expect(testAgent(agent, { model }).start('go')).rejects.toThrow(
      'a tool of toolbox vault is its server’s, which no test starts: replace it in `tools`.'.replace('’', "'"),
    );
  });

  test('where a toolbox takes all, any name is one of its tools', async () => {
    const all = defineAgent({
      name: 'all',
      instructions: 'x',
      toolboxes: [mcpToolbox({ name: 'v', server: everything, tools: 'all' })],
    });
    const model = script().call({ name: 'anything' }, {}).answer('done');
    const run = await testAgent(all, { model, tools: { anything: () => 'yes' } }).start('go');
    await run.approve();
    expect((await run.transcript())[2]).toMatchObject({ parts: [{ text: 'yes' }] });
  });
});

test('a tool of a server may be excepted from pruning, by the name that the model calls it by', () => {
  const excepting = (tools: 'all' | { say: { as: string } }, except: string) =>
    defineAgent({
      ...{ name: 'a', instructions: 'x', context: { prune: { except: [except] } } },
      toolboxes: [mcpToolbox({ name: 'x', server: { command: 'x' }, tools })],
    });
  expect(() => excepting({ say: { as: 'tell' } }, 'tell')).not.toThrow();
  expect(() => excepting({ say: { as: 'tell' } }, 'say')).toThrow(
    'the agent has no tool "say". Its tools: tell, and recall',
  );
  expect(() => excepting('all', 'whatever')).not.toThrow();
});

test.each([
  [
    { server: { command: 'x', env: { A: '{secrets.B}' } }, tools: 'all' as const },
    /\{secrets\.B\}: the toolbox does not declare B/,
  ],
  [{ server: { url: 'nowhere' }, tools: 'all' as const }, /"nowhere" is no URL/],
  [{ server: { command: 'x' }, tools: {} }, /name in `tools` what agents may use/],
  [{ server: { command: 'x' }, tools: { 'a.b': {} } }, /tool name "a\.b"/],
])('a definition that cannot be meant so is refused: %#', (part, why) => {
  expect(() => mcpToolbox({ name: 'x', ...part })).toThrow(why);
});
