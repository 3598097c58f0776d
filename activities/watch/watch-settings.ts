/** How agents are watched, as the configuration says. */
export interface WatchSettings {
  /** Between two looks. */
  everyMs: number;
  /** The chance that 100 runs of an agent that stays as it is have any finding. */
  falseAlarms: number;
  /** A run under way that has taken so many times what its agent's runs usually take is found at once. */
  tokensTimes: number;
  /** Told of findings. */
  webhook?: { url: string; secrets: readonly Uint8Array[] };
}

export const WATCH_EVERY_MS = 5 * 60_000;
export const WATCH_FALSE_ALARMS = 0.01;
export const WATCH_TOKENS_TIMES = 10;
