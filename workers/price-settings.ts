// What models cost, as the configuration says and otherwise as a kept library lists them, by the address that is asked.
import type { ResolvedConfig } from '../activities/define/config';
import { isModelName } from '../activities/define/route';
import { createPrices, type Prices } from '../activities/gateway/money/prices';
import { ConfigError } from './config-error';
import type { Setting } from './describe-settings';
import { addressOf, type ProviderSettings } from './model-settings';

export interface PriceSettings {
  prices: Prices;
  described: Setting[];
}

/** @throws ConfigError naming the key of the configuration */
export function priceSettings(
  config: Pick<ResolvedConfig, 'prices'>,
  configName: string,
  providers: readonly ProviderSettings[],
): PriceSettings {
  const wrong = Object.keys(config.prices).find((name) => !isModelName(name));
  if (wrong !== undefined)
    throw new ConfigError(`${configName}: prices: "${wrong}" is not a model: write provider/model.`);
  return {
    prices: createPrices({
      prices: config.prices,
      providers: providers.map((provider) => ({ name: provider.name, url: addressOf(provider) })),
    }),
    described: Object.entries(config.prices).map(([route, { input, output }]) => ({
      what: `price ${route}`,
      value: `$${input} in, $${output} out, a million tokens`,
      source: configName,
    })),
  };
}
