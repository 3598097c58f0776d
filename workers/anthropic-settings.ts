// The provider `anthropic`: there once the configuration or the environment speaks of it.
import type { ResolvedConfig } from '../activities/define/config';
import { ANTHROPIC_BASE_URL } from '../activities/model/base-urls';
import { ConfigError } from './config-error';
import type { ProviderSettings } from './model-settings';

/** The vendor's own proposal for most work. */
const DEFAULT_MODEL = 'claude-sonnet-5-5';

export interface AnthropicSettings {
  provider: ProviderSettings;
  /** As `provider/model`: what agents use that name none. Absent without a key and without a base URL. */
  model: string | undefined;
  sources: { baseUrl: string; api: string };
}

/**
 * @param models all that an alias stands for, as `provider/model`
 * @throws ConfigError naming the variable
 */
export function anthropicSettings(
  config: ResolvedConfig,
  models: readonly string[],
  { configName, read }: { configName: string; read(name: string): string | undefined },
): AnthropicSettings | undefined {
  const configured = config.providers['anthropic'];
  const keyFrom = configured?.apiKeyEnv ?? 'ANTHROPIC_API_KEY';
  const url = read('ANTHROPIC_BASE_URL');
  if (url !== undefined && !URL.canParse(url)) throw new ConfigError('ANTHROPIC_BASE_URL: it is not a URL.');
  const isNamed = models.some((model) => model.startsWith('anthropic/'));
  const isServed = read(keyFrom) !== undefined || url !== undefined || configured?.baseUrl !== undefined;
  if (!isServed && !configured && !isNamed) return undefined;
  const api = configured?.api ?? 'messages';
  // Without an address the other APIs would be spoken to whoever made them, who would be sent Anthropic's key.
  const baseUrl = url ?? configured?.baseUrl ?? (api === 'messages' ? undefined : `${ANTHROPIC_BASE_URL}/v1`);
  return {
    provider: {
      name: 'anthropic',
      keyFrom,
      api,
      ...(baseUrl === undefined ? {} : { baseUrl }),
    },
    model: isServed ? `anthropic/${read('ANTHROPIC_MODEL') ?? DEFAULT_MODEL}` : undefined,
    sources: {
      baseUrl: url !== undefined ? 'ANTHROPIC_BASE_URL' : configured?.baseUrl ? configName : 'default',
      api: configured?.api ? configName : 'default',
    },
  };
}
