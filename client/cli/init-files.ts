// What `longhaul init` writes: small enough to be read whole, and tested by test/cli/init.test.ts.

export interface NewProject {
  /** Of the agent: checked, and used as a folder's name. */
  name: string;
  /** From the project, with `/`. */
  agentsDir: string;
}

/** `my-agent` → `myAgentAgent`: with the ending it is never a reserved word, whatever the name. */
const identifier = (name: string): string =>
  `${name.replace(/[-_]+(.)?/g, (_, letter: string | undefined) => (letter ?? '').toUpperCase()).replace(/^./, (first) => first.toLowerCase())}Agent`;

const config = ({ agentsDir }: NewProject): string => `import { defineConfig } from 'longhaul';

export default defineConfig({
${agentsDir === 'agents' ? '' : `  agents: '${agentsDir}',\n`}  // An agent that names no model uses 'default'. Without it: OpenAI where OPENAI_API_KEY or OPENAI_BASE_URL is set, else the
  // demo model, which is no language model.
  // models: { default: 'openai/gpt-5-mini' },
});
`;

const agent = ({ name }: NewProject): string => `import { defineAgent, defineTool, fromFile } from 'longhaul';
import { z } from 'zod';

export const greet = defineTool({
  name: 'greet',
  description: 'Greets someone by name.',
  input: z.object({ name: z.string() }),
  output: z.object({ greeting: z.string() }),
  effect: 'read',
  run: ({ name }) => ({ greeting: \`Hello, \${name}!\` }),
});

export const ${identifier(name)} = defineAgent({
  name: '${name}',
  description: 'Greets whoever is named.',
  instructions: fromFile('./instructions.md'),
  input: z.object({ name: z.string().default('world') }),
  tools: [greet],
  limits: { turns: 5 },
});
`;

const INSTRUCTIONS = `You greet people.

Call \`greet\` once with the name from the input, and answer with its greeting and nothing else.
`;

const test = ({ name }: NewProject): string => `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { script, testAgent } from 'longhaul/testing';
import { greet, ${identifier(name)} } from './agent';

test('greets by name, and answers with the greeting', async () => {
  const agent = testAgent(${identifier(name)}, {
    model: script().call(greet, { name: 'Ada' }).answer('Hello, Ada!'),
  });
  const run = await agent.start({ name: 'Ada' });
  const result = await run.result();

  assert.equal(result.outcome, 'completed');
  assert.equal(result.output, 'Hello, Ada!');
  assert.equal(result.totals.toolCalls, 1);
});
`;

/** `preserve`: relative imports need no extension, in packages of either type. */
const tsconfig = ({ agentsDir }: NewProject): string => `{
  "compilerOptions": {
    "target": "es2023",
    "module": "preserve",
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "noEmit": true,
    "skipLibCheck": true,
    "types": ["node"]
  },
  "include": ["${agentsDir}", "longhaul.config.ts"]
}
`;

export const SCRIPTS: Readonly<Record<string, string>> = { test: 'longhaul test', dev: 'longhaul dev' };
/** What `npm init` puts where a script is missing. */
export const isNoScript = (script: unknown): boolean =>
  typeof script !== 'string' || script.includes('Error: no test specified');

export const IGNORED = '.longhaul/';

/** Files by their path from the project, with `/`. */
export const newFiles = (project: NewProject): readonly [string, string][] => {
  const folder = `${project.agentsDir}/${project.name}`;
  return [
    ['longhaul.config.ts', config(project)],
    [`${folder}/agent.ts`, agent(project)],
    [`${folder}/instructions.md`, INSTRUCTIONS],
    [`${folder}/agent.test.ts`, test(project)],
    ['tsconfig.json', tsconfig(project)],
  ];
};
