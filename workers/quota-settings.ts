// The quotas of a configuration, as workers keep them.
import { durationMs } from '../activities/define/duration';
import type { QuotaConfig } from '../activities/define/quota';
import { isPriced, type Prices } from '../activities/gateway/money/prices';
import { keyNameOf, type QuotaSettings } from '../activities/gateway/quota/gateway-quota';
import { MICRO_USD } from '../workflows/contract/cost';
import { DAY_MS, MINUTE_MS, type Dimension, type WindowLimit } from '../workflows/contract/quota';
import { ConfigError } from './config-error';
import type { ModelSettings } from './model-settings';
import type { ResolvedConfig } from '../activities/define/config';

const DEFAULT_PATIENCE_MS = 600_000;
const DEFAULT_QUANTILE = 0.95;
/** Where providers quantise a limit, they do so by the second. */
const DEFAULT_BURST_MS = 1_000;
/** Of what a provider's bucket holds: what is on its way arrives closer together than it was sent. */
const BURST_PART = 0.5;
/** Small limits are not counted by the second: so many requests, and tokens of a part of a minute, may go at once. */
const SMALL_REQUESTS = 10;
const SMALL_TOKENS = 1 / 6;

const WINDOWS = [
  ['requestsPerMinute', 'requests', MINUTE_MS, 1],
  ['requestsPerDay', 'requests', DAY_MS, 1],
  ['tokensPerMinute', 'tokens', MINUTE_MS, 1],
  ['tokensPerDay', 'tokens', DAY_MS, 1],
  ['inputTokensPerMinute', 'input', MINUTE_MS, 1],
  ['outputTokensPerMinute', 'output', MINUTE_MS, 1],
  ['usdPerDay', 'usd', DAY_MS, MICRO_USD],
] as const satisfies readonly (readonly [keyof QuotaConfig, Dimension, number, number])[];

export type QuotasByRoute = { readonly [route: string]: QuotaSettings };

/** @throws ConfigError */
export function quotaSettings(
  { quotas }: Pick<ResolvedConfig, 'quotas'>,
  configName: string,
  { providers }: Pick<ModelSettings, 'providers'>,
  prices: Prices,
): QuotasByRoute {
  return Object.fromEntries(
    Object.entries(quotas).map(([route, quota]) => {
      const name = route.slice(0, Math.max(0, route.indexOf('/')));
      const provider = providers.find((one) => one.name === name);
      const known = ['demo', ...providers.map((one) => one.name)];
      if (!known.includes(name) || route.length === name.length + 1)
        throw new ConfigError(
          `${configName}: quotas["${route}"]: it is not a model: write provider/model (providers: ${known.join(', ')}).`,
        );
      // An unknown price is not zero: the limit would be kept by nobody.
      if (quota.usdPerDay !== undefined && !isPriced(prices, route))
        throw new ConfigError(
          `${configName}: quotas["${route}"].usdPerDay: what ${route} costs is not known: name it in prices, or limit its tokensPerDay.`,
        );
      return [route, settingsOf(quota, provider?.keyFrom ?? '')];
    }),
  );
}

function settingsOf(quota: QuotaConfig, keyFrom: string): QuotaSettings {
  const { concurrency, patience, reserve = 'learned', weights = {} } = quota;
  return {
    limits: {
      windows: WINDOWS.flatMap(([name, of, perMs, factor]) => {
        const most = quota[name];
        return most === undefined ? [] : [windowLimit({ of, perMs, most: most * factor }, quota.burst)];
      }),
      ...(concurrency === undefined ? {} : { concurrency }),
    },
    reserve:
      reserve === 'strict'
        ? { kind: 'strict' }
        : { kind: 'learned', quantile: reserve === 'learned' ? DEFAULT_QUANTILE : reserve.quantile },
    patienceMs: patience === undefined ? DEFAULT_PATIENCE_MS : durationMs(patience, 'patience'),
    weights,
    key: keyNameOf(keyFrom),
  };
}

function windowLimit(limit: WindowLimit, given: QuotaConfig['burst']): WindowLimit {
  if (limit.perMs !== MINUTE_MS) return limit;
  const burstMs = given === undefined ? DEFAULT_BURST_MS : durationMs(given, 'burst');
  if (burstMs >= limit.perMs) return limit;
  const within = (BURST_PART * limit.most * burstMs) / limit.perMs;
  if (given !== undefined) return { ...limit, burst: Math.max(1, within) };
  const small = limit.of === 'requests' ? Math.min(limit.most, SMALL_REQUESTS) : limit.most * SMALL_TOKENS;
  return { ...limit, burst: Math.max(small, within) };
}
