// Needs a Temporal server (embedded, real), the model server over HTTP and a store on disk. Five incidents: whoever knows nothing but the text of
// the alert reads the whole request of the call that went wrong after two commands.
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { createProgram } from '../../client/cli/program';
import { testProject, told, type TestProject, type Told } from '../cli/given';
import { readTracked } from '../habits/tracked-files';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const PAGES = Array.from(
  { length: 400 },
  (_, at) => `line ${at} of a page that nobody asked for, and which is long`,
).join('\n');

const look = defineTool({
  name: 'look',
  description: 'Looks a page up.',
  input: z.object({ page: z.number().int() }),
  output: z.string(),
  effect: 'read',
  run: ({ page }) => (page === 400 ? PAGES : 'nothing new'),
});
const agents = [
  defineAgent({ name: 'garbles', instructions: 'Say a number.', output: z.object({ number: z.number() }) }),
  defineAgent({ name: 'mistypes', instructions: 'Look pages up.', tools: [look] }),
  defineAgent({ name: 'circles', instructions: 'Go round.', tools: [look] }),
  defineAgent({ name: 'swells', instructions: 'Read on.', tools: [look], limits: { tokens: 9_000 } }),
  defineAgent({ name: 'strays', instructions: 'Answer by the handbook.' }),
];

const rulesSchema = z.object({
  groups: z.array(
    z.object({ rules: z.array(z.object({ alert: z.string(), annotations: z.object({ summary: z.string() }) })) }),
  ),
});
const rules = rulesSchema
  .parse(parse(readTracked('infra/prometheus/rules.yml')))
  .groups.flatMap(({ rules: all }) => all);

/** As Alertmanager sends it. */
function alertText(alert: string, labels: { [name: string]: string }): string {
  const rule = rules.find((one) => one.alert === alert);
  return (rule?.annotations.summary ?? '').replace(
    /\{\{ \$labels\.(\w+) \}\}/g,
    (_, name: string) => labels[name] ?? '',
  );
}

let model: ModelServer;
let stack: TestStack;
let project: TestProject;
beforeAll(async () => {
  model = await startModelServer({
    respond: ({ messages, path: asked }) => {
      const text = messages.find(({ role }) => role === 'user')?.text ?? '';
      const calls = messages.filter(({ role }) => role === 'tool').length;
      const say = (turn: ReturnType<typeof script>) => turn.turnAt(0);
      if (text.includes('garbles')) return say(script().answer('{"number": "seven'));
      if (text.includes('mistypes'))
        return say(calls === 0 ? script().call('look', { page: 'the first' }) : script().answer('I gave up.'));
      if (text.includes('circles')) return say(script().call('look', { page: 1 }));
      if (text.includes('swells')) return say(script().call('look', { page: calls === 1 ? 400 : calls }));
      return say(script().answer(asked.includes('responses') ? 'The moon is made of cheese.' : 'It is made of rock.'));
    },
  });
  stack = await startTestStack({
    agents,
    modelUrl: model.url,
    route: ['one/model', 'two/model'],
    apis: { one: 'chat', two: 'responses' },
  });
  project = testProject();
  for (const { name } of agents.slice(0, 4)) await begun(name);
  model.addFaults({ when: { path: '/chat/completions', nth: 1, times: 50 }, do: { status: 503 } });
  await begun('strays');
}, 180_000);
afterAll(async () => {
  await stack.close();
  await model.close();
  project.remove();
});

const question = (name: string): string => `A question that ${name}.`;
const begun = async (name: string): Promise<unknown> =>
  await (await stack.client.agent(name).start(question(name), { id: `run_${name}` })).result();

/** Typed as it stands. */
async function typed(line: string): Promise<Told> {
  const env = { LONGHAUL_STORE: `lmdb:${path.join(stack.stateDir, 'store')}` };
  let seen: Told = { code: 2, stdout: '', stderr: '' };
  const program = createProgram(async (_, command) => {
    seen = await told(project.dir, command, { env });
    return seen.code;
  });
  await program.parseAsync(line.split(' ').slice(1), { from: 'user' });
  process.exitCode = 0;
  return seen;
}

interface Incident {
  alert: string;
  agent: string;
  failure?: string;
  /** The second command, behind the run's id. @default the one that the first prints */
  then?: string;
  /** All that must be read there. */
  reads: (string | RegExp)[];
}

const INCIDENTS: Incident[] = [
  {
    ...{ alert: 'AgentRunsFail', agent: 'garbles', failure: 'Model.InvalidOutput' },
    reads: ['Say a number.', question('garbles'), '{"number": "seven', 'Model.InvalidOutput'],
  },
  {
    ...{ alert: 'ToolFails', agent: 'mistypes', failure: 'Tool.InvalidArguments' },
    reads: [
      'Look pages up.',
      question('mistypes'),
      'tools look',
      /answered\n── 2 assistant\n→ look\(\{"page":"the first"\}\)/,
    ],
  },
  {
    ...{ alert: 'AgentRunsFail', agent: 'circles', failure: 'Loop.RepeatedCall' },
    reads: ['Go round.', question('circles'), /(→ look\(\{"page":1\}\)[\s\S]*){3}/],
  },
  {
    ...{ alert: 'AgentBudgetsExhausted', agent: 'swells', failure: 'Budget.TokensExhausted' },
    reads: ['Read on.', question('swells'), PAGES],
  },
  {
    ...{ alert: 'AgentCompletionDropped', agent: 'strays', then: '--call last' },
    reads: [
      'Answer by the handbook.',
      question('strays'),
      'The moon is made of cheese.',
      /instead of +one\/model \(Model\./,
    ],
  },
];

test.each(INCIDENTS)('$alert of $agent: two commands', async ({ alert, agent, failure = '', then, reads }) => {
  const { release } = await stack.client.run(`run_${agent}`).record();
  const text = alertText(alert, { agent, release: release.slice(0, 12), failure, outcome: failure });
  expect(text).toContain(release.slice(0, 12));
  const next = / Next: (longhaul .*)$/.exec(text)?.[1] ?? '';
  const { stdout, stderr } = await typed(next);
  const [id = ''] = stdout.split('\n')[1]?.split(' ') ?? [];
  const printed = /^failed {2}.*: (longhaul show .*)$/m.exec(stderr)?.[1] ?? '';
  const { stdout: shown } = await typed(then === undefined ? printed : `longhaul show ${id} ${then}`);
  for (const part of reads) {
    if (typeof part === 'string') expect(shown).toContain(part);
    else expect(shown).toMatch(part);
  }
});
