// A worker that shares a quota with others, as a process of its own: it serves the quota's workflow, and offers requests at a rate.
// Options: JSON in the first argument. Says `ready`.
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import { z } from 'zod';
import { createGatewayQuota, keyNameOf, type GatewayQuota } from '../../activities/gateway/quota/gateway-quota';
import { ModelWaitError } from '../../activities/model/model-wait-error';
import { toldLimits } from '../../activities/model/told-limits';
import { createControlWorker } from '../../workers/create-worker';
import { askQuotas } from '../../workers/quota-authority';
import { QUOTA_KEY, QUOTA_ROUTE, QUOTA_TASK_QUEUE } from './quota-route';

const windowSchema = z.object({
  of: z.enum(['requests', 'tokens']),
  perMs: z.number(),
  most: z.number(),
  /** Absent: nothing is spread. */
  burst: z.number().exactOptional(),
});
const optionsSchema = z.object({
  address: z.string(),
  namespace: z.string(),
  identity: z.string(),
  url: z.string(),
  window: windowSchema,
  reserve: z.enum(['strict', 'learned']),
  perSecond: z.number(),
  input: z.number(),
  outputCap: z.number(),
  /** For a process whose clock is not to be trusted: then it asks again, whatever it was told. @default when it was told to */
  askAgainMs: z.number().exactOptional(),
  /** It offers nothing before SIGHUP. @default false */
  isHeldBack: z.boolean().exactOptional(),
});
export type QuotaWorkerOptions = z.output<typeof optionsSchema>;

/** More are not held waiting: whoever offered them goes away. */
const WAITING_SECONDS = 5;
const usageSchema = z.object({ usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }) });
const signal = new AbortController().signal;

async function send(quota: GatewayQuota, options: QuotaWorkerOptions): Promise<void> {
  const { input, outputCap, identity: run, url } = options;
  const caller = { agent: 'asker', release: 'r', tenant: 'bench', run, signal };
  for (;;) {
    try {
      const admission = await quota.admit(QUOTA_ROUTE, { input, outputCap }, caller);
      const body = JSON.stringify({
        model: 'model',
        messages: [{ role: 'user', content: `How is it, ${run}? ${performance.now()}` }],
      });
      const response = await fetch(`${url}/chat/completions`, { method: 'POST', body });
      const told = toldLimits(response.status, response.headers);
      if (told) admission.told?.(told);
      const read = usageSchema.safeParse(await response.json());
      const { prompt_tokens = 0, completion_tokens = 0 } = read.data?.usage ?? {};
      admission.settle(
        read.success ? { input: prompt_tokens, output: completion_tokens, cachedInput: 0, reasoning: 0 } : undefined,
      );
      return;
    } catch (error) {
      // Shed: it is not offered again.
      if (error instanceof ApplicationFailure && error.type === 'Model.QuotaShed') return;
      if (!(error instanceof ModelWaitError)) throw error;
      const ms = options.askAgainMs ?? Math.max(100, error.waitUntil - Date.now());
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  }
}

async function main(): Promise<void> {
  const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
  const { address, namespace, identity, window, reserve, perSecond } = options;
  const connection = await NativeConnection.connect({ address });
  const taskQueue = QUOTA_TASK_QUEUE;
  const control = await createControlWorker({ connection, namespace, taskQueue, identity });
  void control.run();
  const quota = createGatewayQuota({
    quotas: {
      [QUOTA_ROUTE]: {
        limits: { windows: [window] },
        reserve: reserve === 'strict' ? { kind: 'strict' } : { kind: 'learned', quantile: 0.95 },
        ...{ patienceMs: 600_000, weights: {}, key: keyNameOf(QUOTA_KEY) },
      },
    },
    ...{ worker: identity, ask: askQuotas({ connection, namespace, taskQueue, identity }), now: Date.now },
  });
  // The first request of a process takes longer on its way than the margin of a window.
  await (await fetch(`${options.url}/models`)).text();
  let waiting = 0;
  let isHeldBack = options.isHeldBack ?? false;
  if (isHeldBack) process.once('SIGHUP', () => (isHeldBack = false));
  const timer = setInterval(() => {
    if (isHeldBack || waiting > perSecond * WAITING_SECONDS) return;
    waiting += 1;
    void send(quota, options).finally(() => (waiting -= 1));
  }, 1_000 / perSecond);
  const stop = (): void => {
    clearInterval(timer);
    quota.stop();
    process.exit(0);
  };
  process.once('SIGTERM', stop);
  // Gone with whoever started it.
  process.stdin.resume().once('end', stop);
  process.stdout.write('ready\n');
}

void main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
