// Needs: the built command line (npm run build), a Temporal CLI, free ports; Linux, for /proc. Toolboxes as they run: each in a process of
// its own, with its secrets alone, however its process or its parent ends.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openKeyRing } from '../../activities/keys';
import { createAgentClient } from '../../client/agent-client';
import { temporalClient } from '../../client/connect';
import { openStoreAt } from '../../client/open-store-at';
import { firstMessage } from '../../client/first-message';
import { currentRelease } from '../../client/releases';
import { recordStart, startWorkflow } from '../../client/start-workflow';
import { connectTemporal } from '../../infra/temporal/connect';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { freePort } from '../stack/free-port';
import { temporalCli } from '../stack/test-stack';
import { cli, isRunning, scratchFolder, startCli, until, TOP, type Ended, type RunningProcess } from './cli';

const AGENT = `
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import { defineAgent, defineTool, defineToolbox } from 'longhaul';
import { z } from 'zod';

const payments = defineToolbox({ name: 'payments', secrets: ['PAY_KEY'] });
const mail = defineToolbox({ name: 'mail', secrets: ['MAIL_KEY'], breaker: { failures: 1, openFor: '2s' } });
const environment = () => JSON.stringify({ pid: process.pid, names: Object.keys(process.env).sort(), values: Object.values(process.env).join(' ') });

const show = defineTool({
  name: 'show', toolbox: payments, description: 'x', effect: 'read',
  input: z.object({ show: z.string() }), output: z.string(),
  run: ({ show }, { secrets }) => {
    console.log('paying with ' + secrets.PAY_KEY);
    return show + ' ' + Object.keys(secrets).join() + environment();
  },
});
const steal = defineTool({
  name: 'steal', toolbox: mail, description: 'x', effect: 'read',
  input: z.object({ steal: z.string() }), output: z.string(),
  run: (_, { secrets }) => Object.keys(secrets).join() + environment(),
});
const shaky = defineTool({
  name: 'shaky', toolbox: mail, description: 'x', effect: 'read',
  input: z.object({ shaky: z.string() }), output: z.string(),
  run: ({ shaky }, { attempt }) => {
    appendFileSync(shaky, 'x');
    if (readFileSync(shaky, 'utf8') === 'x') throw new Error('the line is dead');
    return 'through in attempt ' + attempt;
  },
});
const hold = defineTool({
  name: 'hold', toolbox: payments, description: 'x', effect: 'read', timeout: '60s',
  input: z.object({ hold: z.string() }), output: z.string(),
  run: async ({ hold }, { attempt }) => {
    appendFileSync(hold, process.pid + '\\n');
    if (hold.endsWith('.spin')) for (;;);
    while (!existsSync(hold + '.go')) await after(50);
    return 'held in attempt ' + attempt;
  },
});
const field = z.string().optional();
export const desk = defineAgent({
  name: 'desk', instructions: 'x',
  input: z.object({ show: field, steal: field, hold: field, shaky: field }),
  tools: [show, steal, hold, shaky],
});
`;
/** A server of MCP, which writes down who starts it. */
const SERVER_LOG = 'server.log';
const CLERK = `
import { defineAgent, mcpToolbox } from 'longhaul';
import { z } from 'zod';
export const clerk = defineAgent({
  name: 'clerk', instructions: 'x', input: z.object({ text: z.string() }),
  toolboxes: [mcpToolbox({
    name: 'voice', tools: { say: { effect: 'read' } },
    server: {
      command: ${JSON.stringify(process.execPath)},
      args: [${JSON.stringify(path.join(TOP, 'test/activities/mcp-bad-server.mjs'))}, 'good', ${JSON.stringify(SERVER_LOG)}],
    },
  })],
});
`;
/** Of the runs: a toolbox's process has no key, and its calls work. */
const KEYS = `mine:${randomBytes(32).toString('base64')}`;
const LEAKS = { OPENAI_ORG: 'org-of-the-provider', LONGHAUL_LOG_LEVEL: 'info', SOME_TOKEN: 'token-of-another' };
const SECRETS = { PAY_KEY: 'p4y-v4lue', MAIL_KEY: 'm41l-v4lue' };
const ALLOWED = [
  'HOME',
  'LANG',
  'LC_ALL',
  'NODE_EXTRA_CA_CERTS',
  'PATH',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  'TMPDIR',
  'TZ',
];

const project = scratchFolder();
const FILE = path.join(project, 'agents', 'desk', 'agent.ts');

beforeAll(() => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  mkdirSync(path.dirname(FILE), { recursive: true });
  mkdirSync(path.join(project, 'node_modules'));
  symlinkSync(path.join(TOP, 'node_modules/zod'), path.join(project, 'node_modules/zod'));
  writeFileSync(FILE, AGENT);
  mkdirSync(path.join(project, 'agents', 'clerk'));
  writeFileSync(path.join(project, 'agents', 'clerk', 'agent.ts'), CLERK);
});

const up = async (
  env: Record<string, string> = { ...LEAKS, ...SECRETS, LONGHAUL_KEYS: KEYS },
): Promise<RunningProcess> => {
  const dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project, env });
  await dev.saying(/^ready /m);
  return dev;
};
const run = (input: Record<string, string>, env: Record<string, string> = {}): Promise<Ended> =>
  cli(['run', 'desk', '--input', JSON.stringify(input)], { cwd: project, env: { LONGHAUL_KEYS: KEYS, ...env } });

interface Environment {
  pid: number;
  names: string[];
  values: string;
}
const environmentIn = (stdout: string): Environment => JSON.parse(stdout.slice(stdout.indexOf('{'))) as Environment;

/** Of the toolbox processes of a parent. */
function toolProcesses(parent: number, toolbox: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, program = '', of = '', name = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return program.endsWith('toolbox-process.js') && of === String(parent) && name === toolbox;
      } catch {
        return false;
      }
    })
    .map(Number);
}
async function toolProcess(parent: number, toolbox: string, not?: number): Promise<number> {
  let found: number | undefined;
  await until(`process of toolbox ${toolbox}`, () => {
    found = toolProcesses(parent, toolbox).find((pid) => pid !== not);
    return found !== undefined;
  });
  return found ?? 0;
}
const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
const pidsIn = (file: string): number[] =>
  existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];

describe('while dev is up', () => {
  let dev: RunningProcess;
  beforeAll(async () => {
    dev = await up();
  });
  afterAll(async () => {
    dev.kill('SIGTERM');
    await dev.ended;
  });

  test('the process of a tool has the allow-list and its own secrets, and nothing else', async () => {
    const { stdout } = await run({ show: 'hi' });
    expect(stdout).toMatch(/^hi PAY_KEY\{/);
    const { pid, names, values } = environmentIn(stdout);
    expect(pid).not.toBe(dev.pid);
    expect(names).toContain('PAY_KEY');
    expect(names.filter((name) => !ALLOWED.includes(name))).toEqual(['PAY_KEY']);
    // Its own it has, and gives away: that is taken out.
    expect(values).toContain('[redacted]');
    expect(values).not.toContain(SECRETS.PAY_KEY);
    for (const other of [SECRETS.MAIL_KEY, ...Object.values(LEAKS).filter((value) => value !== 'info'), KEYS])
      expect(values).not.toContain(other);
  });

  test('another toolbox is another process, with the other secret alone', async () => {
    const [payments, mail] = [
      environmentIn((await run({ show: 'hi' })).stdout),
      environmentIn((await run({ steal: 'x' })).stdout),
    ];
    expect(mail.names.filter((name) => !ALLOWED.includes(name))).toEqual(['MAIL_KEY']);
    expect(mail.values).not.toContain(SECRETS.PAY_KEY);
    expect(mail.pid).not.toBe(payments.pid);
  });

  test('a tool of an MCP server is called by the process of its toolbox, which the server is a child of', async () => {
    const { code, stdout } = await cli(['run', 'clerk', '--input', '{"text":"hello there"}'], {
      cwd: project,
      env: { LONGHAUL_KEYS: KEYS },
    });
    expect([code, stdout]).toEqual([0, expect.stringContaining('hello there')]);
    const voice = await toolProcess(dev.pid, 'voice');
    const started = readFileSync(path.join(project, SERVER_LOG), 'utf8').matchAll(/^start (\d+) (.*)$/gm);
    const parents = [...started].filter(([, pid]) => isRunning(Number(pid))).map(([, pid]) => parentOf(Number(pid)));
    expect(parents).toContain(voice);
  });

  test('it has no store open, and neither the database nor Temporal in its memory', async () => {
    const pid = await toolProcess(dev.pid, 'payments');
    const open = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
    expect(open.filter((file) => file.includes('.longhaul') || file.includes('.mdb'))).toEqual([]);
    const mapped = readFileSync(`/proc/${pid}/maps`, 'utf8');
    expect(mapped).not.toMatch(/lmdb|temporalio/);
    expect(readFileSync(`/proc/${dev.pid}/maps`, 'utf8')).toMatch(/lmdb/);
  });

  test('kill -9 of it in the middle of a call: it is started again, and the run completes', async () => {
    const file = path.join(project, 'held');
    const held = run({ hold: file });
    await until('call under way', () => pidsIn(file).length === 1);
    const [first = 0] = pidsIn(file);
    process.kill(first, 'SIGKILL');
    writeFileSync(`${file}.go`, '');
    expect(await held).toMatchObject({ code: 0, stdout: 'held in attempt 2\n' });
    const [, second = 0] = pidsIn(file);
    expect([second === first, isRunning(first)]).toEqual([false, false]);
    expect(dev.stderr()).toContain('toolbox payments: its process has ended (SIGKILL); it is started again');
  });

  test('calls that fail open the breaker of their toolbox; a refused attempt comes back when it may, and the run completes', async () => {
    const { code, stdout } = await run({ shaky: path.join(project, 'shaky') });
    expect([code, stdout]).toEqual([0, 'through in attempt 3\n']);
    expect(dev.stderr()).toContain(
      'toolbox mail: 1 call in a row has failed; nothing is called, and one tries again every 2s',
    );
    expect(dev.stderr()).toContain('toolbox mail: its calls go through again');
  });

  test('a saved tool is served by it', async () => {
    const before = environmentIn((await run({ show: 'hi' })).stdout).pid;
    const saved = dev.saying(/^saved {4}desk: /m);
    writeFileSync(FILE, AGENT.replace("show + ' '", "'edited ' + show + ' '"));
    await saved;
    const { stdout } = await run({ show: 'hi' });
    expect(stdout).toMatch(/^edited hi PAY_KEY/);
    expect(environmentIn(stdout).pid).toBe(before);
  });

  test.each([
    ['mail', 'in toolbox mail'],
    [undefined, 'outside its toolbox'],
  ])('a run whose plan was forged to send a call elsewhere is refused there: %s', async (toolbox, where) => {
    const keys = openKeyRing(KEYS);
    const address = /^temporal {2}(\S+),/m.exec(dev.stdout())?.[1] ?? '';
    const connection = await connectTemporal({
      kind: 'external',
      connectionOptions: { address },
      namespace: 'default',
    });
    const store = openStoreAt(`lmdb:${path.join(project, '.longhaul/store')}`, keys);
    const temporal = temporalClient(connection, 'default', keys);
    const client = createAgentClient({ temporal, store, taskQueue: 'agents', tenant: 'default' });
    const { manifest, release } = await currentRelease(store, 'desk');
    const message = firstMessage(store.of('default'), manifest, { show: 'hi' });
    const id = `forged-${toolbox}`;
    const record = {
      ...{ schemaVersion: 1 as const, id, agent: 'desk', release, tenant: 'default', tags: [] },
      ...{ input: message.head.hash, question: 'hi', startedAt: Date.now() },
    };
    await recordStart(store.of('default'), record, { objects: [message.bytes] });
    const { toolbox: _, ...honest } = manifest.plan.tools['show'] ?? {
      toolbox: '',
      effect: 'read' as const,
      timeoutMs: 1,
      attempts: 1,
      onFailure: 'tell-model' as const,
    };
    const tools = { ...manifest.plan.tools, show: { ...honest, ...(toolbox === undefined ? {} : { toolbox }) } };
    const plan = { ...manifest.plan, tools };
    await startWorkflow({ temporal, taskQueue: 'agents' }, { record, plan, input: message.head });
    expect(await client.run(id).result()).toMatchObject({
      output: expect.stringContaining(
        `Tool.NotGranted: release ${release.slice(0, 12)} of agent "desk" has no tool "show" ${where}.`,
      ),
    });
    await client.close();
  });

  test('metrics count its calls and its ends, and the log names it', async () => {
    const url = /^metrics {3}(http\S+)$/m.exec(dev.stdout())?.[1] ?? '';
    const text = await (await fetch(url)).text();
    expect(text).toMatch(
      /^agent_tool_call_duration_seconds_count\{agent="desk",release="[0-9a-f]{12}",tool="show",outcome="ok"\} [1-9]/m,
    );
    expect(text).toMatch(/^agent_step_latency_seconds_count\{agent="desk",release="[0-9a-f]{12}",kind="tool"\} [1-9]/m);
    expect(text).toMatch(/^agent_toolbox_process_ends_total\{toolbox="payments"\} 1$/m);
    expect(text).toMatch(/^agent_toolbox_calls_refused_total\{toolbox="mail"\} 1$/m);
    expect(text).toMatch(/^agent_toolbox_breaker_open\{toolbox="mail"\} 0$/m);
    const log = readFileSync(path.join(project, '.longhaul/logs/worker.log'), 'utf8');
    expect(log).toMatch(/"toolbox":"payments".*paying with \[redacted\]/);
    expect(log).not.toContain(SECRETS.PAY_KEY);
  });
});

test.each(['wait', 'spin'])('kill -9 of its parent takes it along, also when its tool is busy (%s)', async (how) => {
  // The busy one is busy again at each start, and would hold up the tests that follow.
  const own = { LONGHAUL_KEYS: KEYS, LONGHAUL_STATE_DIR: path.join(project, `state-${how}`) };
  const dev = await up({ ...SECRETS, ...own });
  const file = path.join(project, `orphan.${how}`);
  await cli(['submit', 'desk', '--input', JSON.stringify({ hold: file })], { cwd: project, env: own });
  await until('call under way', () => pidsIn(file).length === 1);
  const processes = [...pidsIn(file), ...toolProcesses(dev.pid, 'mail')];
  expect(processes.length).toBe(2);
  dev.kill('SIGKILL');
  await dev.ended;
  await until('end of the toolbox processes', () => !processes.some(isRunning), 5_000);
  // The call is handed to the next start at once: its worker is known to be dead.
  writeFileSync(`${file}.go`, '');
  const next = how === 'wait' ? await run({ hold: file }, { ...SECRETS, ...own }) : undefined;
  if (next) expect(next).toMatchObject({ code: 0, stdout: 'held in attempt 2\n' });
});

test('a run goes on whose tool is in no toolbox any more', async () => {
  const dev = await up();
  const file = path.join(project, 'moved');
  await cli(['submit', 'desk', '--input', JSON.stringify({ hold: file })], {
    cwd: project,
    env: { LONGHAUL_KEYS: KEYS },
  });
  await until('call under way', () => pidsIn(file).length === 1);
  dev.kill('SIGKILL');
  await dev.ended;
  writeFileSync(`${file}.go`, '');
  writeFileSync(FILE, AGENT.replaceAll('toolbox: payments, ', ''));
  try {
    expect(await run({ hold: file }, SECRETS)).toMatchObject({ code: 0, stdout: 'held in attempt 2\n' });
  } finally {
    writeFileSync(FILE, AGENT);
  }
});

test('a secret that is not set is told at the start, and its tools fail with what is missing', async () => {
  const { stderr, stdout } = await run({ show: 'hi' }, { MAIL_KEY: 'm' });
  expect(stderr).toContain('toolbox payments: PAY_KEY is not set here: calls of its tools fail');
  expect(stdout).toContain('toolbox payments needs PAY_KEY, which is not set where its worker runs.');
});

describe('beside a Temporal of somebody else', () => {
  test('a toolbox may have a worker of its own, where its secrets are; one without them leaves its calls to it', async () => {
    const server = await startEmbeddedTemporal({
      stateDir: path.join(project, 'elsewhere'),
      cliPath: await temporalCli(),
      preferredPort: await freePort(),
      searchAttributes: SEARCH_ATTRIBUTES,
    });
    const env = {
      TEMPORAL_ADDRESS: server.address,
      LONGHAUL_KEYS: KEYS,
      LONGHAUL_STATE_DIR: path.join(project, 'theirs'),
    };
    const workers: RunningProcess[] = [];
    const worker = async (args: string[], more: Record<string, string>): Promise<RunningProcess> => {
      const started = await startCli(['worker', ...args], { cwd: project, env: { ...env, ...more } });
      workers.push(started);
      await started.saying(/^worker {4}/m);
      return started;
    };
    try {
      expect((await worker(['--no-toolboxes'], {})).stdout()).toMatch(/ on task queue agents at /);
      const plain = await worker([], {});
      expect(plain.stderr()).toContain(
        'toolbox payments: PAY_KEY is not set here: its calls are left to a worker that has it',
      );
      const of = await worker(['--toolbox', 'payments'], { PAY_KEY: 'p4y' });
      expect(of.stdout()).toMatch(/ on task queue agents\/payments at /);
      const id = (await cli(['submit', 'desk', '--input', '{"show":"far"}'], { cwd: project, env })).stdout.trim();
      const { stdout } = await cli(['tail', id], { cwd: project, env });
      expect(stdout).toMatch(/far PAY_KEY/);
      expect(toolProcesses(of.pid, 'payments')).toEqual([environmentIn(stdout).pid]);
      expect(
        workers.flatMap(({ pid }) => [...toolProcesses(pid, 'payments'), ...toolProcesses(pid, 'mail')]),
      ).toHaveLength(1);

      const unknown = await cli(['worker', '--toolbox', 'nobody'], { cwd: project, env });
      expect(unknown).toMatchObject({ code: 2, stdout: '' });
      expect(unknown.stderr).toContain('no agent here uses a toolbox "nobody" (there are: mail, payments, voice).');
    } finally {
      for (const each of workers) each.kill('SIGTERM');
      await Promise.all(workers.map(({ ended }) => ended));
      await server.stop();
    }
  });
});
