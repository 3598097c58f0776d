// How agents are watched, as the configuration says. Read by every command, so it loads nothing of Temporal.
import { durationMs } from '../activities/define/duration';
import type { WatchConfig } from '../activities/define/watch';
import { webhookSecrets } from '../activities/http/webhook-signature';
import {
  WATCH_EVERY_MS,
  WATCH_FALSE_ALARMS,
  WATCH_TOKENS_TIMES,
  type WatchSettings,
} from '../activities/watch/watch-settings';
import type { Setting } from './describe-settings';

/** Before the secret is read. */
export type WatchPlan = Omit<WatchSettings, 'webhook'> & { webhook?: { url: string; secretEnv: string } };

/** @returns undefined where nobody is watched */
export function watchPlan(config: WatchConfig): WatchPlan | undefined {
  if (config === false) return undefined;
  const { every, falseAlarms, tokensTimes, webhook } = config;
  return {
    everyMs: every === undefined ? WATCH_EVERY_MS : durationMs(every, 'watch.every'),
    falseAlarms: falseAlarms ?? WATCH_FALSE_ALARMS,
    tokensTimes: tokensTimes ?? WATCH_TOKENS_TIMES,
    ...(webhook ? { webhook } : {}),
  };
}

export function describeWatch(plan: WatchPlan | undefined, configName: string): Setting[] {
  const value = plan
    ? `every ${plan.everyMs / 1_000} s, false alarms at most ${plan.falseAlarms} in 100 runs, a run at ${plan.tokensTimes} times the usual tokens${plan.webhook ? ', a webhook is told' : ''}`
    : 'nobody';
  return [{ what: 'watch', value, source: configName }];
}

/** A secret that is missing, or is none, keeps findings from being told and nothing else. */
export function watchSettings(
  plan: WatchPlan,
  secret: (name: string) => string | undefined,
): { settings: WatchSettings; problem?: string } {
  const { webhook, ...settings } = plan;
  if (!webhook) return { settings };
  const text = secret(webhook.secretEnv);
  const refuse = (why: string): ReturnType<typeof watchSettings> => ({
    settings,
    problem: `${webhook.secretEnv}, the secret of watch.webhook, ${why} Nobody is told of findings.`,
  });
  if (text === undefined) return refuse('is not set.');
  try {
    return { settings: { ...settings, webhook: { url: webhook.url, secrets: webhookSecrets(text) } } };
  } catch (error) {
    return refuse(`cannot be used: ${error instanceof Error ? error.message : ''}.`);
  }
}
