// Needs a Temporal server (embedded, real), the model server, Python and Schemathesis: in .longhaul/python, where .ci/run installs it
// (`pip3 install --target .longhaul/python schemathesis==4.32.5`), or wherever PYTHONPATH says. Skipped with a word where it is not there.
// The API is asked what its own OpenAPI document allows, and what it does not: no answer is a 5xx, each is one that the document has, what
// fits is taken, and what does not is refused. LONGHAUL_FUZZ_EXAMPLES=N asks for N of each place in every phase, in place of the few here.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, type UsedApi } from './given';

const env = {
  ...process.env,
  PYTHONPATH: [path.join(__dirname, '..', '..', '.longhaul', 'python'), process.env['PYTHONPATH']]
    .filter(Boolean)
    .join(path.delimiter),
};
const isThere = spawnSync('python3', ['-c', 'import schemathesis'], { env }).status === 0;
if (!isThere) console.log('skipped: python3 with the package schemathesis is not here.');
const testWithSchemathesis = isThere ? test : test.skip;

const EXAMPLES = Number(process.env['LONGHAUL_FUZZ_EXAMPLES'] ?? 0);
const FEW = 8;
/** Some twenty seconds each on two free cores. */
const TIME_MS = EXAMPLES > 0 ? 3_600_000 : 600_000;

const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ order: z.string() }),
  output: z.object({}),
  effect: 'keyed',
  approval: { within: '1h', otherwise: 'deny' },
  run: () => ({}),
});
const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
/** Takes what nobody comes upon by chance: its runs wait for a person. */
const payer = defineAgent({
  ...{ name: 'payer', instructions: 'Pay.', tools: [pay], limits: { turns: 5 } },
  input: z.object({ please: z.literal('pay for A-88') }),
});
const on = useStack(
  {
    respond: ({ toolNames, messages }) =>
      toolNames.includes('pay') && messages.every(({ role }) => role !== 'tool')
        ? { calls: [{ name: 'pay', args: { order: 'A-88' } }] }
        : { text: 'Hello.' },
  },
  { agents: [greeter, payer] },
);

let folder: string;
beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), 'longhaul-fuzz-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What is there to be found: a document does not say which ids are. */
interface Known {
  asking: string;
  words: { [dictionary: string]: readonly (string | number)[] };
}

async function givenRuns(api: UsedApi, key?: string): Promise<Known> {
  const as = key === undefined ? {} : { key };
  const start = async (agent: string, input: unknown): Promise<string> => {
    const { body } = await api.ask('POST', '/v1/runs', { ...as, body: { agent, input } });
    return String(body['id']);
  };
  const ended = await start('greeter', 'x');
  const asking = await start('payer', { please: 'pay for A-88' });
  await api.ask('GET', `/v1/runs/${ended}/result?wait=30`, as);
  let args = '';
  await until('the request', async () => {
    const { body } = await api.ask('GET', `/v1/runs/${asking}/requests`, as);
    args = (body['requests'] as { args: string }[])[0]?.args ?? '';
    return args !== '';
  });
  return {
    asking,
    words: {
      ...{ runs: [ended, asking], ended: [ended], numbers: [1], args: [args] },
      ...{ agents: ['greeter'], questions: ['Who are you?'], seconds: [0, 1] },
    },
  };
}

/**
 * An agent's own input and mode, a cursor, which events of a stream are kept, when it is, which calls a run has, which of two turns
 * comes first, and what of a score goes together, are not in the document: there 422 is right for what fits the document too.
 */
const HALF_KNOWN = [
  ...['runs', 'responses', 'responses/{id}', 'requests'],
  ...['sessions', 'sessions/{id}/messages', 'sessions/{id}/wakes'],
  ...['scores', 'runs/{id}/scores', 'runs/{id}/calls/{call}', 'runs/{id}/trace'],
];
const ALSO_UNFIT = ['2xx', 401, 403, 404, 409, 410, 422, 429];
const bound = (dictionary: string, probability: number): string =>
  `{ dictionary = "${dictionary}", probability = ${probability} }`;

/** Values at their bounds are none of a dictionary: there a place has its run, and everything else is varied. */
const configuration = ({ asking, words }: Known, isFixed: boolean, key?: string): string => `
max-stream-events = 2
request-timeout = 30
${Object.entries(words)
  .map(([name, values]) => `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}`)
  .join('\n')}
[parameters]
"path.name" = ${bound('agents', 0.6)}
"query.wait" = ${bound('seconds', 1)}
"body.args" = ${bound('args', 0.8)}
"body.agent" = ${bound('agents', 0.8)}
"body.input" = ${bound('questions', 0.7)}
"body.model" = ${bound('agents', 0.8)}
"body.previous_response_id" = ${bound('ended', 0.5)}
[[operations]]
include-path-regex = "^/v1/(runs|responses)/"
parameters = { "path.id" = ${isFixed ? JSON.stringify(asking) : bound('runs', 0.8)}, "path.number" = ${isFixed ? 1 : bound('numbers', 0.8)} }
[[operations]]
include-path = ${JSON.stringify(HALF_KNOWN.map((at) => `/v1/${at}`))}
checks.positive_data_acceptance.expected-statuses = ${JSON.stringify(ALSO_UNFIT)}
${key === undefined ? '' : `[auth.openapi.key]\nbearer = "${key}"`}
`;

/** @returns what it has found; nothing where all is well */
async function fuzzed(api: UsedApi, phases: string, config: string): Promise<string> {
  const file = path.join(folder, `${phases}.toml`);
  writeFileSync(file, config);
  const asked = ['run', `${api.url}/v1/openapi.json`, '--generation-deterministic', '--continue-on-failure'];
  const how = ['--phases', EXAMPLES > 0 ? 'coverage,fuzzing' : phases, '-n', String(EXAMPLES || FEW), '--no-color'];
  return await new Promise((resolve) => {
    const all = ['-m', 'schemathesis.cli', '--config-file', file, ...asked, ...how];
    execFile('python3', all, { cwd: folder, env, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      if (EXAMPLES > 0) console.log(stdout);
      resolve(error ? stdout + stderr : '');
    });
  });
}

testWithSchemathesis(
  'without keys: every value at its bounds, and beyond',
  async () => {
    const api = await startTestApi(on.stack);
    try {
      expect(await fuzzed(api, 'coverage', configuration(await givenRuns(api), true))).toBe('');
      expect(api.reported).toEqual([]);
    } finally {
      await api.close();
    }
  },
  TIME_MS,
);

testWithSchemathesis(
  'with keys: values by chance; and whoever has no key is told nothing',
  async () => {
    const { key, known } = madeKey('all', { scopes: ['administer', 'approve'] });
    const api = await startTestApi(on.stack, [known]);
    try {
      expect(await fuzzed(api, 'fuzzing', configuration(await givenRuns(api, key), false, key))).toBe('');
      expect(api.reported).toEqual([]);
    } finally {
      await api.close();
    }
  },
  TIME_MS,
);
