// What a request costs. Prices are those of a kept library, by the address that is asked, unless the configuration says otherwise: a
// price that nobody knows is unknown, and never nothing.
import type * as genaiPrices from '@pydantic/genai-prices';
import { NANO_USD, type Cost } from '../../../workflows/contract/cost';
import type { Usage } from '../../../workflows/contract/message';

/** In USD per million tokens. */
export interface ModelPrice {
  input: number;
  /** @default as `input` */
  cachedInput?: number;
  /** @default as `input` */
  cacheWrite?: number;
  /** Of what is kept for an hour. @default twice `input`, as Anthropic has it, who alone tells it apart */
  cacheWriteHour?: number;
  output: number;
}

export interface Prices {
  /**
   * @param route as `provider/model`
   * @returns whole billionths of a dollar; undefined where nobody knows the price
   */
  nanoUsd(route: string, usage: Usage): number | undefined;
}

export interface PriceSettings {
  /** By `provider/model`. */
  prices: { readonly [route: string]: ModelPrice };
  /** The address that each asks. One without an address asks nobody. */
  providers: readonly { name: string; url: string }[];
}

/** It searches and quotes: there is nobody to pay. */
const DEMO = 'demo/';

export function createPrices({ prices, providers }: PriceSettings): Prices {
  const urls = new Map(providers.map(({ name, url }) => [name, url]));
  const found = new Map<string, Listed>();
  return {
    nanoUsd: (route, usage) => {
      const own = Object.hasOwn(prices, route) ? prices[route] : undefined;
      if (own) return byPrice(own, usage);
      if (route.startsWith(DEMO)) return 0;
      const slash = route.indexOf('/');
      const url = urls.get(route.slice(0, slash));
      if (url === undefined) return undefined;
      const model = route.slice(slash + 1);
      // To look through all models takes longer than the rest of a call does.
      const known = found.has(route) ? found.get(route) : find(url, model);
      found.set(route, known);
      return known && listed(known, model, usage);
    },
  };
}

/** Where nobody has said what anything costs. */
export const UNKNOWN_PRICES: Prices = { nanoUsd: () => undefined };

/** @param part of the request, where others share it: `usage` is of this part alone */
export function costOf(prices: Prices, route: string, usage: Usage, part = 1): Cost {
  const nanoUsd = prices.nanoUsd(route, usage);
  return nanoUsd === undefined ? { nanoUsd: 0, unknown: part } : { nanoUsd };
}

const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };

export const isPriced = (prices: Prices, route: string): boolean => prices.nanoUsd(route, NO_USAGE) !== undefined;

/** Of the price of input. Documented by Anthropic beside 1.25 for what is kept for five minutes. */
const HOUR_TIMES = 2;
/** A dollar a million tokens is a thousand billionths a token. */
const NANO_A_TOKEN = 1_000;

function byPrice(price: ModelPrice, usage: Usage): number {
  const { input, cachedInput, cacheWrite, cacheWriteHour, output } = partsOf(usage);
  const dollars =
    (input - cachedInput - cacheWrite) * price.input +
    cachedInput * (price.cachedInput ?? price.input) +
    (cacheWrite - cacheWriteHour) * (price.cacheWrite ?? price.input) +
    cacheWriteHour * (price.cacheWriteHour ?? HOUR_TIMES * price.input) +
    output * price.output;
  return Math.round(dollars * NANO_A_TOKEN);
}

/** Of a provider that reports nonsense: the parts of the input are never more than all of it, and nothing is less than none. */
function partsOf({
  input,
  cachedInput,
  cacheWrite = 0,
  cacheWriteHour = 0,
  output,
}: Usage): Required<Pick<Usage, 'input' | 'cachedInput' | 'cacheWrite' | 'cacheWriteHour' | 'output'>> {
  const most = (value: number, limit = Infinity): number =>
    Number.isFinite(value) ? Math.min(Math.max(0, value), limit) : 0;
  const all = most(input);
  const cached = most(cachedInput, all);
  const written = most(cacheWrite, all - cached);
  return {
    input: all,
    cachedInput: cached,
    cacheWrite: written,
    cacheWriteHour: most(cacheWriteHour, written),
    output: most(output),
  };
}

/** A model of the library by its own, which is found at once. */
type Listed = genaiPrices.Provider | undefined;

let loaded: typeof genaiPrices | undefined;
/** Loaded where something is priced, and looked for once. */
const library = (): typeof genaiPrices => (loaded ??= require('@pydantic/genai-prices') as typeof genaiPrices);

/** By the address, so that another server behind a known name is not taken for it; a model's name is compared as the library does. */
function find(url: string, model: string): Listed {
  const { findProvider, calcPrice } = library();
  const provider = findProvider({ providerApiUrl: url });
  const found = provider && calcPrice({ input_tokens: 0, output_tokens: 0 }, model, { provider });
  return found ? { ...found.provider, models: [found.model] } : undefined;
}

function listed(provider: genaiPrices.Provider, model: string, usage: Usage): number | undefined {
  const { input, cachedInput, cacheWrite, cacheWriteHour, output } = partsOf(usage);
  const counts = {
    input_tokens: input,
    ...(cachedInput === 0 ? {} : { cache_read_tokens: cachedInput }),
    ...(cacheWrite === 0 ? {} : { cache_write_tokens: cacheWrite }),
    ...(cacheWriteHour === 0 ? {} : { cache_write_1h_tokens: cacheWriteHour }),
    output_tokens: output,
  };
  try {
    const found = library().calcPrice(counts, model, { provider });
    return found ? Math.round(found.total_price * NANO_USD) : undefined;
  } catch {
    // It has no price for a part of the usage: then what it costs is not known either.
    return undefined;
  }
}
