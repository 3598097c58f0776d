// Model names as users write them: `provider/model`. The model's own name may hold slashes, as open models' names do.
import { failure } from '../failure';
import type { ModelProvider } from './provider';

export interface ProviderRegistry {
  /** Names of the providers, as configured. */
  readonly names: readonly string[];
  /** @throws ApplicationFailure `Model.NotFound` */
  resolve(name: string): { provider: ModelProvider; model: string };
}

/** @throws Error where two providers have one name, or a name holds a slash */
export function createProviderRegistry(providers: readonly ModelProvider[]): ProviderRegistry {
  const byName = new Map<string, ModelProvider>();
  for (const provider of providers) {
    if (provider.name === '' || provider.name.includes('/')) {
      throw new Error(`"${provider.name}" cannot name a model provider: it must not be empty or hold a slash.`);
    }
    if (byName.has(provider.name)) throw new Error(`Two model providers are named "${provider.name}".`);
    byName.set(provider.name, provider);
  }
  const names = [...byName.keys()];
  const known = names.length === 0 ? 'none is configured' : `known: ${names.join(', ')}`;
  return {
    names,
    resolve(name) {
      const slash = name.indexOf('/');
      if (slash < 1 || slash === name.length - 1) {
        throw failure('Model.NotFound', `"${name}" is not a model: write provider/model (providers ${known}).`);
      }
      const provider = byName.get(name.slice(0, slash));
      if (!provider)
        throw failure('Model.NotFound', `No model provider "${name.slice(0, slash)}" for "${name}" (${known}).`);
      return { provider, model: name.slice(slash + 1) };
    },
  };
}
