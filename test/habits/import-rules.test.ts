// Needs: nothing but Node. Shows that each lint rule of this project fires, and lets the right thing pass.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { z } from 'zod';

interface Case {
  file: string;
  text: string;
  /** The rule that must fire; absent where the snippet is good. */
  rule?: string;
}

const rooms = (file: string, ...specifiers: string[]): Case[] =>
  specifiers.map((specifier) => ({ file, text: `import { x } from '${specifier}';\nx();\n`, rule: 'longhaul/rooms' }));
const fine = (file: string, ...specifiers: string[]): Case[] =>
  specifiers.map((specifier) => ({ file, text: `import { x } from '${specifier}';\nx();\n` }));

const CASES: Case[] = [
  ...rooms('workflows/contract/new.ts', 'zod', 'node:fs', '@temporalio/common', './schemas/message', '../core/limits'),
  {
    file: 'workflows/contract/new.ts',
    text: "import type { Headers } from '@temporalio/common';\nexport type { Headers };\n",
  },
  ...rooms(
    'workflows/contract/schemas/new.ts',
    '@temporalio/common',
    '../../core/limits',
    '../../../activities/failure',
  ),
  ...fine('workflows/contract/schemas/new.ts', 'zod', '../limits'),
  ...rooms('workflows/quota/new.ts', '@temporalio/workflow', '../quota', 'zod', 'crypto'),
  ...fine('workflows/quota/new.ts', '../contract/quota', './ledger'),
  ...rooms('workflows/core/new.ts', '@temporalio/workflow', '@temporalio/common', '../agent-run', 'zod', 'crypto'),
  ...fine('workflows/core/new.ts', '../contract/limits', './limits', '@noble/hashes/sha2'),
  ...rooms(
    'workflows/new.ts',
    'node:crypto',
    'fs',
    '@temporalio/client',
    '@temporalio/activity',
    'zod',
    '../activities/failure',
  ),
  ...rooms('workflows/new.ts', './contract/schemas/message', '../client/index', '../workers/index'),
  {
    file: 'workflows/new.ts',
    text: "import type { X } from '../activities/deps';\nexport type { X };\n",
    rule: 'longhaul/rooms',
  },
  { file: 'workflows/new.ts', text: "export type X = import('../activities/deps').X;\n", rule: 'longhaul/rooms' },
  { file: 'workflows/new.ts', text: "export * from '../activities/deps';\n", rule: 'longhaul/rooms' },
  { file: 'workflows/new.ts', text: "export const x = () => import('node:fs');\n", rule: 'longhaul/rooms' },
  ...fine('workflows/new.ts', '@temporalio/workflow', '@temporalio/common', './contract/names', './core/limits'),
  ...rooms('activities/new.ts', '../workers/index', '../client/index', '../workflows/agent-run', '@temporalio/worker'),
  ...fine('activities/new.ts', 'openai', 'node:fs', '../workflows/contract/schemas/message', '@temporalio/activity'),
  ...rooms('activities/define/new.ts', 'openai', '../failure', '@temporalio/activity'),
  ...fine('activities/define/new.ts', '../http/walls', 'node:http'),
  ...rooms('activities/http/new.ts', 'openai', '../failure', '../store/index', '@temporalio/common'),
  ...fine('activities/http/new.ts', 'node:https', 'zod', '../define/tool', './walls'),
  ...rooms('agents/new/agent.ts', '../other/tools', '../../activities/define/index', 'openai', '@temporalio/workflow'),
  ...fine('agents/new/agent.ts', './tools', 'longhaul', 'zod', 'node:path'),
  ...rooms('workers/new.ts', '../client/index', '../test/kit/index', '../workflows/agent-run', '../workflows/index'),
  ...fine('workers/new.ts', '../activities/failure', '../infra/temporal/server', '../workflows/contract/names'),
  ...rooms('client/new.ts', '../activities/failure', '../activities/model/provider', '../workers/index', './cli/main'),
  ...rooms('client/new.ts', '../workflows/agent-run', '@temporalio/worker', '../test/kit/index'),
  ...fine('client/new.ts', '../activities/store/port', '../activities/define/index', '../workflows/messages'),
  ...rooms('client/cli/new.ts', '../../workflows/agent-run', '../../test/kit/index'),
  ...fine('client/cli/new.ts', '../../workers/index', '../connect', '../../activities/failure'),
  ...rooms('infra/temporal/new.ts', '../../client/index', '../../activities/failure', 'zod', '@temporalio/worker'),
  ...fine('infra/temporal/new.ts', 'node:child_process', '@temporalio/envconfig', '../../workflows/contract/names'),
  ...rooms(
    'test/kit/new.ts',
    '../../workers/index',
    '../../client/index',
    '../habits/tracked-files',
    '@temporalio/worker',
  ),
  ...fine('test/kit/new.ts', '../../workflows/core/limits', '../../activities/define/index'),

  { file: 'activities/define/definition-name.ts', text: "import './agent';\n", rule: 'longhaul/cycles' },
  {
    file: 'activities/define/definition-name.ts',
    text: "import type { Agent } from './agent';\nexport type { Agent };\n",
  },

  { file: 'activities/new.ts', text: 'export const key = process.env.KEY;\n', rule: 'no-restricted-properties' },
  { file: 'activities/new.ts', text: 'export const { env } = process;\n', rule: 'no-restricted-properties' },
  { file: 'activities/new.ts', text: "export { env } from 'node:process';\n", rule: 'no-restricted-imports' },
  { file: 'workers/config.ts', text: 'export const key = process.env["KEY"];\n' },
  { file: 'workflows/new.ts', text: 'export const at = () => process.cwd();\n', rule: 'no-restricted-globals' },
  { file: 'workflows/new.ts', text: "export const at = () => fetch('http://x');\n", rule: 'no-restricted-globals' },
  { file: 'workflows/new.ts', text: "export const at = () => console.log('x');\n", rule: 'no-restricted-globals' },
  {
    file: 'workflows/new.ts',
    text: "import { proxyActivities } from '@temporalio/workflow';\nproxyActivities({});\n",
    rule: 'no-restricted-syntax',
  },
  { file: 'activities/new.ts', text: "console.log('x');\n", rule: 'no-console' },
  { file: 'client/cli/new.ts', text: "console.log('x');\n" },

  {
    file: 'activities/new.ts',
    text: 'export const x = (y: any): void => y;\n',
    rule: '@typescript-eslint/no-explicit-any',
  },
  {
    file: 'activities/new.ts',
    text: 'export const x = (y: string): Date => y as unknown as Date;\n',
    rule: 'no-restricted-syntax',
  },
  { file: 'activities/new.ts', text: 'export enum X {\n  A,\n}\n', rule: 'no-restricted-syntax' },
  { file: 'activities/new.ts', text: 'export default 1;\n', rule: 'no-restricted-syntax' },
  { file: 'activities/new.ts', text: 'export const x = (y: number): boolean => y == 1;\n', rule: 'eqeqeq' },
  { file: 'activities/new.ts', text: `// ${'TO' + 'DO'}: later\nexport const x = 1;\n`, rule: 'no-warning-comments' },
  {
    file: 'activities/new.ts',
    text: 'export function x() {\n  return 1;\n}\n',
    rule: '@typescript-eslint/explicit-module-boundary-types',
  },
  { file: 'activities/new.ts', text: '\n'.repeat(300) + 'export const x = 1;\n', rule: 'max-lines' },
  {
    file: 'activities/new.ts',
    text: `export const x = (): void => {\n${'  x();\n'.repeat(80)}};\n`,
    rule: 'max-lines-per-function',
  },
  { file: 'test/unit/new.test.ts', text: "test.only('x', () => undefined);\n", rule: 'no-restricted-properties' },

  // These need types, and so a file that is there.
  {
    file: 'activities/define/duration.ts',
    text: 'const x = async (): Promise<void> => {};\nx();\n',
    rule: '@typescript-eslint/no-floating-promises',
  },
  {
    file: 'activities/define/duration.ts',
    text: "export const x = (y: 'a' | 'b'): number => {\n  switch (y) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n};\n",
    rule: '@typescript-eslint/switch-exhaustiveness-check',
  },
  {
    file: 'activities/define/duration.ts',
    text: "import { FileRef } from '../../workflows/contract/message';\nexport const x = (y: FileRef): number => y.bytes;\n",
    rule: '@typescript-eslint/consistent-type-imports',
  },
];

describe('lint rules', () => {
  let fired: string[][] = [];
  beforeAll(() => {
    const output = execFileSync(process.execPath, [path.join(__dirname, 'lint-snippets.mjs')], {
      input: JSON.stringify(CASES),
      encoding: 'utf8',
    });
    fired = z.array(z.array(z.string())).parse(JSON.parse(output));
  }, 60_000);

  test.each(CASES.map((one, at) => ({ ...one, at, snippet: one.text.trim().split('\n', 1) })))(
    '$file $rule: $snippet',
    ({ rule, at }) => {
      if (rule === undefined) expect(fired[at]).toEqual([]);
      else expect(fired[at]).toContain(rule);
    },
  );
});
