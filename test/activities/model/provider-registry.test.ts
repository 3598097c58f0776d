// Needs: nothing.
import type { ModelProvider } from '../../../activities/model/provider';
import { createProviderRegistry } from '../../../activities/model/provider-registry';

const named = (name: string): ModelProvider => ({ name, generate: () => Promise.reject(new Error('not called')) });
const registry = createProviderRegistry([named('openai'), named('local')]);

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown');
}

test.each([
  ['openai/gpt-5', 'openai', 'gpt-5'],
  ['local/meta-llama/Llama-3.1-8B', 'local', 'meta-llama/Llama-3.1-8B'],
])('%s', (name, provider, model) => {
  const found = registry.resolve(name);
  expect([found.provider.name, found.model]).toEqual([provider, model]);
});

test.each(['gpt-5', 'openai/', '/gpt-5', '', 'other/gpt-5'])(
  '"%s" names no model, and the message lists providers',
  (name) => {
    const error = thrownBy(() => registry.resolve(name));
    expect(error).toMatchObject({ type: 'Model.NotFound', nonRetryable: true });
    expect(error).toHaveProperty('message', expect.stringContaining('openai, local'));
  },
);

test('names that could not be told apart are refused', () => {
  expect(() => createProviderRegistry([named('a'), named('a')])).toThrow('Two model providers are named "a"');
  expect(() => createProviderRegistry([named('a/b')])).toThrow('slash');
});
