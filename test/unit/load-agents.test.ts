// Needs nothing but a temporary folder: agents are written, loaded as they stand, and changed.
import { appendFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { loadAgents, type LoadedAgents } from '../../workers/load-agents';
import { toolboxSpecs } from '../../workers/toolbox/toolbox-specs';
import { problemLine } from '../../workers/source-loader';
import { agentText, settingsFor, tempProject, type TempProject } from './temp-project';

const projects: TempProject[] = [];
const project = (files: { [name: string]: string }, options: { installed?: boolean } = {}): TempProject => {
  const made = tempProject(files, options);
  projects.push(made);
  return made;
};
afterAll(() => projects.forEach((made) => made.remove()));

const load = ({ folder }: TempProject): Promise<LoadedAgents> =>
  loadAgents({ dir: path.join(folder, 'agents'), settings: settingsFor(folder) });
const names = ({ agents }: LoadedAgents): string[] => agents.map(({ agent }) => agent.name);
const problems = ({ folder }: TempProject, loaded: LoadedAgents): string[] =>
  loaded.problems.map((problem) => problemLine(problem, folder));

/** An agent of two files, as TypeScript in a project of ECMAScript modules or CommonJS writes it. */
const twoFiles = (extension: string): { [name: string]: string } => ({
  'agents/clock/agent.ts': `
    import { defineAgent, fromFile } from 'longhaul';
    import { z } from 'zod';
    import { now } from './tools${extension}';
    const limit: number = 3;
    export const clock = defineAgent({
      name: 'clock', instructions: fromFile('./instructions.md'), tools: [now],
      input: z.object({ zone: z.string().describe('IANA name') }), limits: { turns: limit },
    });`,
  'agents/clock/tools.ts': `
    import path from 'node:path';
    import { defineTool } from 'longhaul';
    import z from 'zod';
    export const now = defineTool({
      name: 'now', description: 'The time', input: z.object({}), output: z.object({ here: z.string() }), effect: 'read',
      run: async () => ({ here: path.basename(__dirname) }),
    });`,
  'agents/clock/instructions.md': '\uFEFFTell the time.\r\nOnly that.\n',
});

describe.each([
  ['an ECMAScript project', { 'package.json': '{"type":"module"}' }, '.js', true],
  ['a CommonJS project', { 'package.json': '{"type":"commonjs"}' }, '', true],
  ['a folder where nothing is installed', {}, '', false],
])('%s', (_, files: { [name: string]: string }, extension, installed) => {
  test('loads its agents with their tools and instructions', async () => {
    const made = project({ ...files, ...twoFiles(extension) }, { installed });
    const loaded = await load(made);
    expect(problems(made, loaded)).toEqual([]);
    const [clock] = loaded.agents;
    expect(clock?.manifest).toMatchObject({
      agent: 'clock',
      instructions: 'Tell the time.\nOnly that.\n',
      tools: [{ name: 'now', description: 'The time' }],
      plan: { limits: { turns: 3 }, tools: { now: { effect: 'read' } } },
    });
    expect(await clock?.agent.tools[0]?.run({} as never, {} as never)).toEqual({ here: 'clock' });
    expect(loaded.files.map((file) => path.relative(made.folder, file))).toEqual([
      'agents/clock/agent.ts',
      'agents/clock/instructions.md',
      'agents/clock/tools.ts',
    ]);
  });
});

test('every language and both places of agents are found, and nothing else', async () => {
  const made = project({
    'agents/a/agent.ts': agentText('a'),
    'agents/a/agent.js': agentText('compiled'),
    'agents/b/agent.mjs': agentText('b'),
    'agents/c/agent.cjs': `const { defineAgent } = require('longhaul');
      module.exports = { c: defineAgent({ name: 'c', instructions: 'x' }) };`,
    'agents/d.ts': agentText('d'),
    'agents/d.js': agentText('compiled-too'),
    'agents/e.mts': `${agentText('e1')}\nexport const two = defineAgent({ name: 'e2', instructions: 'x' });\nexport default two;`,
    'agents/f/agent.ts': `import { defineAgent } from 'longhaul';
      const name = await Promise.resolve('f');
      export default defineAgent({ name, instructions: 'x' });`,
    'agents/shared.ts': 'export const unrelated = 1;',
    'agents/d.test.ts': agentText('tested'),
    'agents/types.d.ts': 'export type X = 1;',
    'agents/.hidden/agent.ts': agentText('hidden'),
    'agents/notes/readme.md': 'no agent here',
  });
  const loaded = await load(made);
  expect(problems(made, loaded)).toEqual([]);
  expect(names(loaded)).toEqual(['a', 'b', 'c', 'd', 'e1', 'e2', 'f']);
});

test('what is broken is a line that says where, and the others load', async () => {
  const made = project({
    'agents/good/agent.ts': agentText('good'),
    'agents/syntax/agent.ts': `\nexport const x = = 1;`,
    'agents/missing/agent.ts': `import { a } from './nowhere';\nexport const b = a;`,
    'agents/throws/agent.ts': `import './deep';`,
    'agents/throws/deep.ts': `\n\nthrow new Error('not today\\nwith a second line');`,
    'agents/strange/agent.ts': `throw 'text';`,
    'agents/nothing/agent.ts': 'export const x = 1;',
    'agents/bad-name.ts': agentText('bad name'),
    'agents/alias.ts': agentText('alias', `model: 'clever'`),
    'agents/lost-file.ts': `import { defineAgent, fromFile } from 'longhaul';
      export const lost = defineAgent({ name: 'lost', instructions: fromFile('./gone.md') });`,
    'agents/package.ts': `import nothing from 'not-installed';\nexport const x = nothing;`,
  });
  const loaded = await load(made);
  expect(names(loaded)).toEqual(['good']);
  expect(problems(made, loaded).sort()).toEqual([
    expect.stringMatching(/^agents\/alias\.ts: agent alias: no model alias "clever" \(there are: default, smart\)\./),
    expect.stringMatching(/^agents\/bad-name\.ts:3: agent name "bad name": use 1 to 64/),
    'agents/lost-file.ts: agent lost: instructions: ./gone.md does not exist.',
    expect.stringMatching(/^agents\/missing\/agent\.ts:1: Could not resolve "\.\/nowhere"$/),
    'agents/nothing/agent.ts: it exports no agent: export what defineAgent returns.',
    expect.stringMatching(/^agents\/package\.ts:1: Cannot find module 'not-installed'/),
    'agents/strange/agent.ts: threw text',
    'agents/syntax/agent.ts:2: Unexpected "="',
    'agents/throws/deep.ts:3: not today',
  ]);
  expect(loaded.files).toContain(path.join(made.folder, 'agents/gone.md'));
  for (const { message } of loaded.problems) expect(message).not.toContain('\n');
});

test('a missing folder is a problem, not an exception', async () => {
  const made = project({});
  const loaded = await load(made);
  expect(problems(made, loaded)).toEqual(['agents: there is no such folder of agents.']);
});

describe('two agents of one name', () => {
  test('are a problem that names both files, and neither is served', async () => {
    const made = project({
      'agents/one.ts': agentText('twin'),
      'agents/two/agent.ts': agentText('twin'),
      'agents/three.ts': agentText('three'),
    });
    const loaded = await load(made);
    expect(names(loaded)).toEqual(['three']);
    expect(loaded.problems).toHaveLength(1);
    const line = problems(made, loaded).join();
    expect(line).toContain('two agents are named "twin"');
    expect(line).toContain(path.join('agents', 'two', 'agent.ts'));
    expect(line).toContain(path.join('agents', 'one.ts'));
  });

  test('in one file too', async () => {
    const made = project({
      'agents/one.ts': `${agentText('twin')}\nexport const b = defineAgent({ name: 'twin', instructions: 'B' });`,
    });
    const loaded = await load(made);
    expect(names(loaded)).toEqual([]);
    expect(problems(made, loaded)).toEqual([
      'agents/one.ts: two agents are named "twin", this and another in the same file; rename one.',
    ]);
  });

  test('are none when one file only passes the other on', async () => {
    const made = project({
      'agents/home/agent.ts': agentText('guest'),
      'agents/all.ts': `export { agent } from './home/agent';`,
    });
    const loaded = await load(made);
    expect(problems(made, loaded)).toEqual([]);
    expect(names(loaded)).toEqual(['guest']);
  });
});

test('a second load sees what was saved: the agent, an imported file, the instructions', async () => {
  const made = project(twoFiles(''));
  const first = await load(made);
  made.write('agents/clock/instructions.md', 'Changed.');
  const second = await load(made);
  expect(second.agents[0]?.manifest.instructions).toBe('Changed.');
  expect(second.agents[0]?.manifest.code).toBe(first.agents[0]?.manifest.code);
  expect(second.agents[0]?.release).not.toBe(first.agents[0]?.release);

  renameSync(path.join(made.folder, 'agents/clock/tools.ts'), path.join(made.folder, 'agents/clock/moved.ts'));
  expect(problems(made, await load(made))).toEqual(['agents/clock/agent.ts:4: Could not resolve "./tools"']);
  renameSync(path.join(made.folder, 'agents/clock/moved.ts'), path.join(made.folder, 'agents/clock/tools.ts'));
  appendFileSync(path.join(made.folder, 'agents/clock/tools.ts'), '\nnow.plan;\n');
  made.write(
    'agents/clock/tools.ts',
    twoFiles('')['agents/clock/tools.ts']?.replace('path.basename(__dirname)', `'changed'`) ?? '',
  );
  const third = await load(made);
  expect(await third.agents[0]?.agent.tools[0]?.run({} as never, {} as never)).toEqual({ here: 'changed' });
  expect(third.agents[0]?.manifest.code).not.toBe(second.agents[0]?.manifest.code);

  rmSync(path.join(made.folder, 'agents/clock'), { recursive: true });
  mkdirSync(path.join(made.folder, 'agents/clock'));
  expect(await load(made)).toMatchObject({ agents: [], problems: [] });
});

describe('toolboxes', () => {
  const withTool = (agent: string, secrets: string, more = '', rate = ''): string => `
    import { defineAgent, defineTool, defineToolbox } from 'longhaul';
    import { z } from 'zod';
    const payments = defineToolbox({ name: 'payments', secrets: ${secrets}${more} });
    const pay = defineTool({
      name: 'pay', toolbox: payments, description: 'x', input: z.object({}), output: z.string(), effect: 'read', run: () => '',${rate}
    });
    export const agent = defineAgent({ name: '${agent}', instructions: 'x', tools: [pay] });`;

  test('of one name with other secrets are told in a line each, and neither agent is served', async () => {
    const made = project({
      'agents/a.ts': withTool('a', "['ONE']"),
      'agents/b.ts': withTool('b', '[]'),
      'agents/c.ts': agentText('c'),
    });
    const loaded = await load(made);
    expect(names(loaded)).toEqual(['c']);
    const why =
      'toolbox "payments" has other secrets in agent b (none) than in agent a (ONE): define it once and import it, or rename one; neither is served.';
    expect(problems(made, loaded)).toEqual([`agents/a.ts: ${why}`, `agents/b.ts: ${why}`]);
  });

  test('of one name with other limits are refused in the same way', async () => {
    const made = project({
      'agents/a.ts': withTool('a', '[]'),
      'agents/b.ts': withTool('b', '[]', ', atOnce: 2, breaker: false'),
    });
    const why =
      'toolbox "payments" has other limits in agent b ({"atOnce":2}) than in agent a ({"breaker":{"failures":5,"openForMs":30000}}): define it once and import it, or rename one; neither is served.';
    expect(problems(made, await load(made))).toEqual([`agents/a.ts: ${why}`, `agents/b.ts: ${why}`]);
  });

  test('a tool of one name with another rate is refused in the same way', async () => {
    const made = project({
      'agents/a.ts': withTool('a', '[]', '', " rate: { calls: 2, per: '1s' },"),
      'agents/b.ts': withTool('b', '[]'),
    });
    const why =
      'tool pay of toolbox "payments" has another rate in agent b (none) than in agent a ({"calls":2,"perMs":1000}): define it once and import it, or rename one; neither is served.';
    expect(problems(made, await load(made))).toEqual([`agents/a.ts: ${why}`, `agents/b.ts: ${why}`]);
  });

  test('of one name with the same secrets are one, whatever their order', async () => {
    const made = project({
      'agents/a.ts': withTool('a', "['ONE', 'TWO']"),
      'agents/b.ts': withTool('b', "['TWO', 'ONE']"),
    });
    const { agents } = await load(made);
    expect(toolboxSpecs(agents)).toEqual([
      {
        name: 'payments',
        secrets: ['ONE', 'TWO'],
        limits: { breaker: { failures: 5, openForMs: 30_000 } },
        rates: {},
        files: ['a', 'b'].map((name) => path.join(made.folder, `agents/${name}.ts`)),
        servers: {},
      },
    ]);
    expect(agents[0]?.manifest.plan.tools['pay']).toMatchObject({ toolbox: 'payments' });
  });
});
