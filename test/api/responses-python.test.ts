// Needs a Temporal server (embedded, real), the model server, Python and OpenAI's package for it: in .longhaul/python, where .ci/run installs it
// (`pip3 install --target .longhaul/python openai`), or wherever PYTHONPATH says. Skipped with a word where it is not there.
import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { defineAgent } from '../../activities/define';
import { useStack } from '../stack/use-stack';
import { startTestApi, type UsedApi } from './given';

const env = {
  ...process.env,
  PYTHONPATH: [path.join(__dirname, '..', '..', '.longhaul', 'python'), process.env['PYTHONPATH']]
    .filter(Boolean)
    .join(path.delimiter),
};
const isThere = spawnSync('python3', ['-c', 'import openai'], { env }).status === 0;
if (!isThere) console.log('skipped: python3 with the package openai is not here.');
const testWithPython = isThere ? test : test.skip;

const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const on = useStack(
  {
    respond: ({ messages }) => ({
      text: `Hello: ${messages.flatMap(({ role, text }) => (role === 'user' ? [text] : [])).join(' | ')}`,
      usage: { input: 20, output: 5 },
    }),
  },
  { agents: [greeter] },
);
let api: UsedApi;
beforeAll(async () => {
  api = await startTestApi(on.stack);
});
afterAll(() => api.close());

testWithPython(
  "OpenAI's Python package is a client of agents",
  async () => {
    const program = path.join(__dirname, 'openai-client.py');
    const { stdout } = await promisify(execFile)('python3', [program, `${api.url}/v1`], { env });
    expect(JSON.parse(stdout)).toEqual({
      plain: ['completed', 'Hello: one', 25],
      'goes on': 'Hello: one | two',
      streamed: ['Hello: streamed', 'Hello: streamed'],
      background: 'in_progress',
      retrieved: ['completed', 'Hello: later'],
      'cancelled too late': 'completed',
      agent: [404, null],
      parameter: [422, 'temperature'],
    });
    expect(api.reported).toEqual([]);
  },
  60_000,
);
