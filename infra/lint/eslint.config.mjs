// How the code reads, as far as a machine can tell. A rule that fires on good code is removed here, with its reason, and
// never switched off in the file that met it.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { importRules } from './import-rules.mjs';

/** A .spec.ts is a suite that several tests run: one per port, for all its adapters. */
const TESTS = ['test/**/*.{test,spec}.ts', 'agents/**/*.test.ts'];
/** These print for people; everything else logs. */
const PRINTING = ['client/cli/**', 'infra/**', 'test/**', 'activities/store/lmdb-log.ts'];
/** Configuration enters here, is checked here, and is handed on as values. */
const CONFIGURATION = [
  'workers/config.ts',
  // A program of its own, whose environment is what it is for.
  'workers/toolbox/toolbox-process.ts',
  'client/cli/**',
  'client/connect.ts',
  'infra/**',
  'test/**',
];

const SYNTAX = [
  {
    selector: 'TSEnumDeclaration',
    message: 'Use a union of strings or a frozen object: enums are code that types should be.',
  },
  {
    selector: 'TSAsExpression > TSAsExpression > TSUnknownKeyword',
    message: 'A cast through unknown hides a missing check: parse, or mend the type.',
  },
];
const NO_DEFAULT_EXPORT = {
  selector: 'ExportDefaultDeclaration',
  message: 'One name for one thing: export it by its name.',
};
const PROXY_TABLE = {
  selector: 'ImportSpecifier[imported.name=/^proxy(Local)?Activities$/]',
  message: 'activity-proxies.ts is the one table of activity proxies.',
};
const SANDBOX_GLOBALS = ['process', 'console', 'fetch', 'Buffer', 'require', 'setImmediate', 'crypto', 'performance'];
const NO_ENV = [
  {
    object: 'process',
    property: 'env',
    message: 'Configuration enters in workers/config.ts, client/connect.ts and client/cli/.',
  },
];

export default defineConfig(
  { ignores: ['node_modules/', 'dist/', '.longhaul/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: process.cwd() } },
    plugins: { longhaul: importRules },
    rules: {
      'longhaul/rooms': 'error',
      'longhaul/cycles': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      // What one scheme of a URL needs is loaded for that scheme alone, and `import()` would make its caller asynchronous.
      '@typescript-eslint/no-require-imports': [
        'error',
        {
          allow: [
            '/postgres-store$',
            '/postgres-streams$',
            '/serve-api$',
            '^gpt-tokenizer/cjs/',
            '/connection$',
            '/validators/ajv$',
            '/mcp-tools$',
            '^@pydantic/genai-prices$',
          ],
        },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // A port's method is async because another adapter awaits; that this one need not is its own affair.
      '@typescript-eslint/require-await': 'off',
      // Ports are object literals that createX makes; none of them has a `this` to lose.
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'max-lines': ['error', 300],
      // Comments say why; a reason must not cost a function its length.
      'max-lines-per-function': ['error', { max: 80, skipComments: true, skipBlankLines: true }],
      'no-restricted-syntax': ['error', ...SYNTAX, NO_DEFAULT_EXPORT],
      'no-restricted-properties': ['error', ...NO_ENV],
      'no-restricted-imports': [
        'error',
        { name: 'node:process', message: 'The global process is one word for one thing.' },
      ],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...SANDBOX_GLOBALS.map((name) => ({ name, message: `The sandbox has no ${name}.` })),
      ],
      'no-restricted-syntax': ['error', ...SYNTAX, NO_DEFAULT_EXPORT, PROXY_TABLE],
    },
  },
  {
    files: ['workflows/activity-proxies.ts'],
    rules: { 'no-restricted-syntax': ['error', ...SYNTAX, NO_DEFAULT_EXPORT] },
  },
  // A workflow reads as a recipe from top to bottom; cutting it to 80 lines would hide its order.
  {
    files: ['workflows/agent-run.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 150, skipComments: true, skipBlankLines: true }] },
  },
  // What one command needs is loaded for that command: all of it takes a second before anything is said.
  {
    files: ['client/cli/{program,context}.ts', 'client/cli/commands/{index,describe-*}.ts'],
    rules: { '@typescript-eslint/no-require-imports': ['error', { allow: ['^\\.\\.?/[a-z-/]+$'] }] },
  },
  { files: PRINTING, rules: { 'no-console': 'off' } },
  { files: CONFIGURATION, rules: { 'no-restricted-properties': 'off' } },
  {
    files: TESTS,
    rules: {
      'max-lines': ['error', 500],
      'max-lines-per-function': 'off',
      // jest's asymmetric matchers are typed any by jest itself.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      'no-restricted-properties': [
        'error',
        ...['test', 'it', 'describe'].map((object) => ({
          object,
          property: 'only',
          message: 'The other tests would not run.',
        })),
      ],
    },
  },
  // A type test declares things for their types alone.
  { files: ['test/types/**'], rules: { '@typescript-eslint/no-unused-vars': 'off' } },
  // A configuration file is loaded by its default export: here, and in what a user writes.
  { files: ['**/longhaul.config.ts'], rules: { 'no-restricted-syntax': ['error', ...SYNTAX] } },
);
