// A worker of the failover benchmark, as a process of its own. Options: JSON in the first argument. Says `ready` and its name once it polls.
import { z } from 'zod';
import { createHealthBoard } from '../../activities/gateway/routing/health-board';
import { HEALTH_RULES } from '../../activities/gateway/routing/health-rules';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import { createProviderRegistry } from '../../activities/model/provider-registry';
import { openStore } from '../../activities/store/open-store';
import { createAgentRegistry } from '../../workers/agent-registry';
import { startWorker } from '../../workers/start-worker';
import { createMetrics } from '../../workers/telemetry';
import { failoverRelease } from './failover-agent';

export const optionsSchema = z.object({
  address: z.string(),
  namespace: z.string(),
  stateDir: z.string(),
  storeUrl: z.string(),
  identity: z.string(),
  /** Base URLs by the provider's name. */
  providers: z.record(z.string(), z.string()),
  /** Of the times in the rules of health: a short form is quicker in all of them. */
  scale: z.number(),
});
export type FailoverWorkerOptions = z.output<typeof optionsSchema>;

async function main(): Promise<void> {
  const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
  const { address, namespace, stateDir, storeUrl, identity, providers, scale } = options;
  const store = openStore(storeUrl);
  const agents = createAgentRegistry({ strict: false });
  agents.replaceAll([failoverRelease()]);
  const metrics = createMetrics();
  const { coolMs, coolMostMs, readEveryMs, tellEveryMs, slow } = HEALTH_RULES;
  const rules = {
    ...HEALTH_RULES,
    coolMs: coolMs * scale,
    coolMostMs: coolMostMs * scale,
    readEveryMs: readEveryMs * scale,
    tellEveryMs: tellEveryMs * scale,
    slow: { ...slow, leastMs: slow.leastMs * scale },
  };
  const worker = await startWorker({
    ...{ connection: { address }, namespace, taskQueue: 'agents', store, stateDir, agents, metrics, identity },
    providers: createProviderRegistry(
      Object.entries(providers).map(([name, baseUrl]) =>
        createOpenAiProvider({ name, baseUrl, apiKey: 'key', api: 'chat' }),
      ),
    ),
    routing: createHealthBoard({ store, worker: identity, now: Date.now, metrics, rules }),
    secretsOf: () => ({}),
  });
  const stop = (): void => void worker.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  // Gone with whoever started it.
  process.stdin.resume().once('end', stop);
  process.stdout.write(`ready ${identity}\n`);
  await worker.finished;
}

void main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
