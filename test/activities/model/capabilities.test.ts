// What is known of servers and of Claude's models by their names, and that the README says the same.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  capabilitiesOf,
  capabilitiesTable,
  ENDPOINTS,
  lossesOf,
  missingFor,
} from '../../../activities/model/capabilities';
import { claudeModel } from '../../../activities/model/claude-model';
import { tokenCounter } from '../../../activities/context/count-tokens';
import { windowOf } from '../../../activities/context/model-window';

const cells = (table: string): string[][] =>
  table
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s|-]+\|$/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));

test("the README's table of servers is the code's", () => {
  const readme = readFileSync(path.join(__dirname, '../../../README.md'), 'utf8');
  const start = readme.indexOf('| server and API');
  expect(start).toBeGreaterThan(0);
  expect(cells(readme.slice(start, readme.indexOf('\n\n', start)))).toEqual(cells(capabilitiesTable()));
});

test.each([
  [{ name: 'openai', api: 'responses' as const }, 'OpenAI', []],
  [
    { name: 'openai', api: 'chat' as const, baseUrl: 'https://api.openai.com/v1' },
    'OpenAI',
    ['reasoning kept between calls'],
  ],
  [{ name: 'x', api: 'messages' as const }, 'Anthropic', ['by model: output held to a schema']],
  [
    { name: 'x', api: 'chat' as const, baseUrl: 'https://api.anthropic.com/v1/' },
    'Anthropic',
    ['output held to a schema', 'reasoning kept between calls', 'prompt caching'],
  ],
  [{ name: 'x', api: 'chat' as const, baseUrl: 'http://127.0.0.1:11434/v1' }, 'Ollama', undefined],
  [{ name: 'my-vllm', api: 'chat' as const, baseUrl: 'http://10.0.0.1:8000/v1' }, 'vLLM', undefined],
  [{ name: 'x', api: 'responses' as const, baseUrl: 'https://me.openai.azure.com/openai/v1' }, 'Azure OpenAI', []],
  [{ name: 'x', api: 'chat' as const, baseUrl: 'https://openrouter.ai/api/v1' }, 'OpenRouter', undefined],
  [{ name: 'x', api: 'messages' as const, baseUrl: 'https://api.deepseek.com/anthropic' }, 'DeepSeek', undefined],
  [{ name: 'x', api: 'chat' as const, baseUrl: 'https://api.openai.com.evil.example/v1' }, 'another server', undefined],
  [{ name: 'x', api: 'chat' as const, baseUrl: 'not a url' }, 'another server', undefined],
])('%j is %s', (endpoint, name, losses) => {
  const found = capabilitiesOf(endpoint);
  expect(found.endpoint).toBe(name);
  expect(found.api).toBe(endpoint.api);
  if (losses) expect(lossesOf(found)).toEqual(losses);
});

test('every row says which server and API it is, once', () => {
  const keys = ENDPOINTS.map(({ endpoint, api }) => `${endpoint}/${api}`);
  expect(new Set(keys).size).toBe(keys.length);
});

describe('what a request misses', () => {
  const deepSeek = capabilitiesOf({ name: 'x', api: 'chat', baseUrl: 'https://api.deepseek.com' });

  test('is named in words; what depends on the model counts as there', () => {
    expect(missingFor({ tools: true, structuredOutput: true, images: true }, deepSeek, 'x/deepseek-flash')).toEqual([
      'output held to a schema',
    ]);
    expect(missingFor({ tools: true }, deepSeek, 'x/deepseek-flash')).toEqual([]);
  });

  test('is a window that is too small, where it is known', () => {
    const needs = { inputTokens: 250_000 };
    expect(missingFor(needs, undefined, 'anthropic/claude-haiku-4-5')).toEqual(['250000 tokens in a window of 200000']);
    expect(missingFor(needs, undefined, 'anthropic/claude-sonnet-5')).toEqual([]);
    expect(missingFor(needs, undefined, 'near/unheard-of')).toEqual([]);
  });
});

test.each([
  ['claude-opus-5-5', 1_000_000, 128_000, 'always', true],
  ['claude-fable-5-2', 1_000_000, 128_000, 'always', true],
  ['claude-mythos-preview', 1_000_000, 128_000, 'always', true],
  ['claude-sonnet-5', 1_000_000, 128_000, 'adaptive', true],
  ['claude-sonnet-4-6', 1_000_000, 64_000, 'adaptive', true],
  ['anthropic.claude-opus-4-6-v1', 1_000_000, 128_000, 'adaptive', true],
  ['anthropic/claude-sonnet-4.5', 200_000, 64_000, 'budget', true],
  ['claude-haiku-4-5@20251001', 200_000, 64_000, 'budget', true],
  ['claude-opus-4-1-20250805', 200_000, 32_000, 'budget', false],
  ['claude-sonnet-4-20250514', 200_000, 64_000, 'budget', false],
  ['claude-3-7-sonnet-20250219', 200_000, 64_000, 'budget', false],
  ['claude-3-5-haiku-latest', 200_000, 8_192, 'none', false],
  ['claude-3-opus-20240229', 200_000, 4_096, 'none', false],
])('%s', (name, window, maxOutput, thinking, takesFormat) => {
  expect(claudeModel(name)).toEqual({ window, maxOutput, thinking, takesFormat });
  expect(windowOf(`anthropic/${name}`)).toBe(window);
  expect(tokenCounter(`anthropic/${name}`).isExact).toBe(false);
});

test.each(['gpt-5', 'claude', 'clauden-opus-4', 'deepseek-flash', 'claude-instant-1.2'])(
  '%s is no known Claude',
  (name) => {
    expect(claudeModel(name)).toBeUndefined();
  },
);
