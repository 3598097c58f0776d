// Needs: the built command line (npm run build), a Temporal CLI, free ports, sh and curl. The README's lines for the HTTP API, as they stand
// there, typed at a real `longhaul dev`; then keys, at a `longhaul api` beside it.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readTracked } from '../habits/tracked-files';
import { cli, scratchFolder, start, startCli, type Ended, type RunningProcess } from './cli';
import { consoleLines, section } from './readme-text';

/** A server, beside whatever else the machine does. */
jest.setTimeout(180_000);

const documented = consoleLines(section(readTracked('README.md'), 'Over HTTP'));
const typed: string[] = [];
const project = scratchFolder();

let dev: RunningProcess;
let at: string;
beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project });
  [, at = ''] = await dev.saying(
    /^api {7}http:\/\/(127\.0\.0\.1:\d+)\/v1 {3}asks nobody, and answers to this machine alone$/m,
  );
  await dev.saying(/^ready /m);
});
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
});

const sh = async (command: string): Promise<Ended> =>
  await (
    await start('sh', ['-c', command], { cwd: project })
  ).ended;

/** Types the one line of the README that has it. */
async function type(part: string, run = ''): Promise<string> {
  const [line, ...others] = documented.filter((each) => each.includes(part));
  if (line === undefined || others.length > 0)
    throw new Error(`one line must have "${part}": ${documented.join('\n')}`);
  typed.push(line);
  const ended = await sh(line.replace('localhost:8235', at).replace(/\bRUN\b/, run));
  expect({ line, ...ended }).toMatchObject({ line, code: 0 });
  return ended.stdout;
}

test('a run is started, waited for, and told', async () => {
  const { id } = JSON.parse(await type('idempotency-key')) as { id: string };
  expect(JSON.parse(await type('/result', id))).toMatchObject({
    runId: id,
    outcome: 'completed',
    output: 'Hello, Ada!',
  });
  expect(await type('/events', id)).toMatch(/^event: result\ndata: .*"outcome":"completed"/m);
  // Again, it is the same run.
  const again = documented.find((line) => line.includes('idempotency-key')) ?? '';
  expect(JSON.parse((await sh(again.replace('localhost:8235', at))).stdout)).toMatchObject({ id });
});

test('no line is left out', () => {
  expect(documented.filter((line) => !typed.includes(line))).toEqual([]);
});

describe('with keys', () => {
  const config = path.join(project, 'longhaul.config.ts');

  test('another address than this machine takes keys', async () => {
    const refused = await cli(['api', '--host', '0.0.0.0', '--port', '0'], { cwd: project });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^error {2}the API is served on 0\.0\.0\.0 only with keys: [^\n]*\n$/);
  });

  test('a key is made, known by the line that was printed, and answered', async () => {
    const made = await cli(['api-key', 'shop', '--scope', 'start', '--scope', 'read', '--tenant', 'acme'], {
      cwd: project,
    });
    expect(made.code).toBe(0);
    const key = made.stdout.trim();
    expect(key).toMatch(/^lhk_[\w-]{43}$/);
    const [, line = ''] = /^\s*longhaul\.config\.ts knows it by: (.*)$/m.exec(made.stderr) ?? [];
    expect(line).not.toContain(key);
    writeFileSync(config, `import { defineConfig } from 'longhaul';\nexport default defineConfig({ ${line} });\n`);
    const api = await startCli(['api', '--port', '0', '--json'], { cwd: project });
    const [, url = ''] = await api.saying(/"url": "(http:[^"]+)"/);
    const ask = (authorization: string): Promise<Response> => fetch(`${url}/v1/agents`, { headers: { authorization } });
    expect([(await ask('Bearer nobody')).status, (await ask(`Bearer ${key}`)).status]).toEqual([401, 200]);
    const start = await fetch(`${url}/v1/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ agent: 'hello', input: { name: 'Bo' } }),
    });
    expect(await start.json()).toMatchObject({ tenant: 'acme' });
    api.kill('SIGTERM');
    expect((await api.ended).code).toBe(0);
  });

  test('a name that is taken is refused, and so is a role of a key that cannot approve', async () => {
    const taken = await cli(['api-key', 'shop', '--scope', 'read'], { cwd: project });
    expect(taken).toMatchObject({ code: 2, stdout: '' });
    expect(taken.stderr).toMatch(
      /^error {2}longhaul\.config\.ts has a key or a person "shop" already: choose another\.\n$/,
    );
    const role = await cli(['api-key', 'till', '--scope', 'read', '--role', 'finance'], { cwd: project });
    expect(role).toMatchObject({
      code: 2,
      stderr: 'error  --role is for a key that may approve: add --scope approve.\n',
    });
    expect((await cli(['api-key', 'till', '--scope', 'write'], { cwd: project })).code).toBe(2);
  });
});
