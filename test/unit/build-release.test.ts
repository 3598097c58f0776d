// Needs nothing but temporary folders: the same agent in two of them, and changes of it.
import { copyFileSync, cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { contextPlan } from '../../activities/context/context-plan';
import { defineAgent, defineTool, defineToolbox, fileRef, fromFile, type AnyAgent } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import { canonicalJson, objectHash } from '../../activities/store';
import { agentCode } from '../../workers/agent-code';
import { buildRelease } from '../../workers/build-release';
import { packageVersion } from '../../workers/package-version';
import { settingsFor, tempProject, type TempProject } from './temp-project';

const projects: TempProject[] = [];
const project = (files: { [name: string]: string }): TempProject => {
  const made = tempProject(files);
  projects.push(made);
  return made;
};
afterAll(() => projects.forEach((made) => made.remove()));

const release = (agent: AnyAgent, file = '/nowhere/agent.ts'): Promise<LoadedAgent> =>
  buildRelease(agent, { file, settings: settingsFor('/nowhere'), code: 'c0de' });

const refund = defineTool({
  name: 'refund',
  description: 'Refund an order',
  input: z.object({
    orderId: z.string().describe('as printed on the receipt'),
    amount: z.coerce.number().positive().default(1),
    photo: fileRef().optional(),
  }),
  output: z.object({ at: z.date() }),
  effect: 'keyed',
  toolbox: defineToolbox({ name: 'payments', secrets: ['STRIPE_KEY'] }),
  run: () => ({ at: new Date(0) }),
});

test('the manifest holds everything that a run depends on, as a model and a caller see it', async () => {
  const agent = defineAgent({
    name: 'refunds',
    description: 'Decides on refunds',
    model: 'smart',
    parameters: { temperature: 0 },
    instructions: 'Be fair.',
    input: z.object({ orderId: z.string().trim(), photo: fileRef() }),
    output: z.object({ decision: z.enum(['refunded', 'declined']) }),
    tools: [refund],
    limits: { turns: 4, wall: '10m' },
  });
  const { manifest, release: hash, ...rest } = await release(agent);
  expect(rest.agent).toBe(agent);
  expect(hash).toBe(objectHash(canonicalJson(manifest)));
  expect(manifest).toEqual({
    // Keys as they were written, which the stored form sorts.
    written: expect.stringContaining('"orderId"'),
    schemaVersion: 1,
    agent: 'refunds',
    description: 'Decides on refunds',
    instructions: 'Be fair.',
    model: { route: ['openai/gpt-5-mini', 'openai/gpt-5-nano'], parameters: { temperature: 0 } },
    tools: [
      {
        name: 'refund',
        description: 'Refund an order',
        toolbox: 'payments',
        input: {
          type: 'object',
          properties: {
            orderId: { type: 'string', description: 'as printed on the receipt' },
            amount: { type: 'number', exclusiveMinimum: 0, default: 1 },
            photo: expect.objectContaining({ type: 'object', format: 'file-ref' }),
          },
          required: ['orderId'],
        },
      },
    ],
    input: {
      type: 'object',
      properties: {
        orderId: { type: 'string' },
        photo: expect.objectContaining({ format: 'file-ref', required: ['sha256', 'mediaType', 'bytes'] }),
      },
      required: ['orderId', 'photo'],
    },
    output: {
      type: 'object',
      properties: { decision: { type: 'string', enum: ['refunded', 'declined'] } },
      required: ['decision'],
    },
    // Where to call it is the release's: the definition alone runs in a test without processes.
    plan: {
      ...agent.plan,
      tools: {
        refund: { ...refund.plan, toolbox: 'payments', approval: [{ withinMs: 604_800_000, otherwise: 'escalate' }] },
      },
    },
    context: contextPlan({}, 'openai/gpt-5-mini'),
    loops: { repeats: { warn: 3, stop: 6 }, cycles: { warn: 3, stop: 5 }, stale: { warn: 8, stop: 12 } },
    code: 'c0de',
    orchestration: packageVersion(),
  });
});

test('plain text has no schema, and text with rules has one', async () => {
  const plain = await release(defineAgent({ name: 'a', instructions: 'x', input: z.string().describe('a question') }));
  expect(plain.manifest).not.toHaveProperty('input');
  expect(plain.manifest).not.toHaveProperty('output');
  const ruled = await release(defineAgent({ name: 'a', instructions: 'x', output: z.string().max(10) }));
  expect(ruled.manifest.output).toEqual({ type: 'string', maxLength: 10 });
});

test('what JSON Schema cannot say is named with its place', async () => {
  const when = z.object({ range: z.object({ from: z.date() }) });
  await expect(release(defineAgent({ name: 'a', instructions: 'x', input: when }))).rejects.toThrow(
    /^input\.range\.from: Date cannot be represented in JSON Schema$/,
  );
  const tool = defineTool({
    name: 'wait',
    description: 'Waits',
    input: z.object({ until: z.bigint() }),
    output: z.string(),
    effect: 'read',
    run: () => '',
  });
  await expect(release(defineAgent({ name: 'a', instructions: 'x', tools: [tool] }))).rejects.toThrow(
    /^tool wait: input\.until: BigInt cannot be represented/,
  );
});

test('parameters that are not JSON are refused', async () => {
  const agent = defineAgent({ name: 'a', instructions: 'x', parameters: { temperature: Number.NaN } });
  await expect(release(agent)).rejects.toThrow(/^parameters: temperature: it is not JSON\.$/);
});

test('instructions from a file differ by their words, not by line ends', async () => {
  const made = project({ 'unix.md': 'One.\nTwo.\n', 'dos.md': '\uFEFFOne.\r\nTwo.\r\n', 'other.md': 'One.\nThree.\n' });
  const file = path.join(made.folder, 'agent.ts');
  const hashes = await Promise.all(
    ['unix', 'dos', 'other'].map(
      async (name) => (await release(defineAgent({ name: 'a', instructions: fromFile(`./${name}.md`) }), file)).release,
    ),
  );
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[2]).not.toBe(hashes[0]);
});

test('every part of an agent changes the release', async () => {
  const base = { name: 'a', instructions: 'x' } as const;
  const variants = [
    base,
    { ...base, instructions: 'y' },
    { ...base, description: 'd' },
    { ...base, model: 'smart' },
    { ...base, parameters: { temperature: 1 } },
    { ...base, input: z.object({ q: z.string() }) },
    { ...base, output: z.number() },
    { ...base, tools: [refund] },
    { ...base, limits: { turns: 2 } },
    { ...base, repairs: 0 },
    { ...base, timeout: '1m' as const },
  ];
  const hashes = await Promise.all(variants.map(async (variant) => (await release(defineAgent(variant))).release));
  expect(new Set(hashes).size).toBe(variants.length);
  expect((await release(defineAgent(base))).release).toBe(hashes[0]);
});

describe('the hash of the code', () => {
  const files = {
    'agents/a/agent.ts': `import { z } from 'zod';
      import { tool } from './tools';
      import { shared } from '../../lib/shared.cjs';
      import data from './data.json';
      export const agent = { z, tool, shared, data };`,
    'agents/a/tools.ts': 'export const tool: number = 1;',
    'agents/a/data.json': '{ "limit": 3 }',
    'lib/shared.cjs': 'exports.shared = 2;',
  };
  const hashOf = async (made: TempProject): Promise<string> =>
    (await agentCode(path.join(made.folder, 'agents/a/agent.ts'))).hash;

  test('is the same in another folder, at another depth', async () => {
    const here = project(files);
    const there = project({});
    mkdirSync(path.join(there.folder, 'deep/er'), { recursive: true });
    for (const part of ['agents', 'lib'])
      cpSync(path.join(here.folder, part), path.join(there.folder, 'deep/er', part), { recursive: true });
    expect((await agentCode(path.join(there.folder, 'deep/er/agents/a/agent.ts'))).hash).toBe(await hashOf(here));
  });

  test('is the same under another compiler configuration and with other comments', async () => {
    const here = project(files);
    const hash = await hashOf(here);
    here.write('tsconfig.json', '{"compilerOptions":{"target":"ES5","useDefineForClassFields":false}}');
    here.write('agents/a/tools.ts', '/** @license x */\n// why\nexport const tool:   number = 1;\n\n');
    expect(await hashOf(here)).toBe(hash);
  });

  test.each(['agents/a/tools.ts', 'agents/a/data.json', 'lib/shared.cjs'])('changes with %s', async (name) => {
    const here = project(files);
    const hash = await hashOf(here);
    const text = files[name as keyof typeof files];
    here.write(name, text.replace(/\d/, '7'));
    expect(await hashOf(here)).not.toBe(hash);
    here.write(name, text);
    expect(await hashOf(here)).toBe(hash);
  });

  test('names all files that it is made from, and none of an installed package', async () => {
    const here = project(files);
    const { inputs } = await agentCode(path.join(here.folder, 'agents/a/agent.ts'));
    expect(inputs.map((input) => path.relative(here.folder, input)).sort()).toEqual(Object.keys(files).sort());
  });

  test('two agents of the same text beside each other differ by nothing but their names', async () => {
    const here = project(files);
    const copy = path.join(here.folder, 'agents/a/copy.ts');
    copyFileSync(path.join(here.folder, 'agents/a/agent.ts'), copy);
    expect((await agentCode(copy)).hash).toBe(await hashOf(here));
  });
});
