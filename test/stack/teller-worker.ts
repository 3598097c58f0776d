// A worker in a process of its own, whose agents tell what their model says. Options: JSON in the first argument. Says `ready` once it polls.
import { pino } from 'pino';
import { z } from 'zod';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import { createProviderRegistry } from '../../activities/model/provider-registry';
import { openStore } from '../../activities/store/open-store';
import { openTextPublisher } from '../../activities/stream/open-streams';
import { createAgentRegistry } from '../../workers/agent-registry';
import { startWorker } from '../../workers/start-worker';
import { createMetrics } from '../../workers/telemetry';
import { openTracing } from '../../workers/tracing';
import { webhookSending } from '../../workers/webhook';
import { WEBHOOK_SECRET } from './webhook-receiver';
import { tellerReleases } from './teller';

const optionsSchema = z.object({
  address: z.string(),
  namespace: z.string(),
  stateDir: z.string(),
  storeUrl: z.string(),
  modelUrl: z.string(),
  /** Where its spans go. */
  tracesUrl: z.string().exactOptional(),
});
export type TellerWorkerOptions = z.output<typeof optionsSchema>;

async function main(): Promise<void> {
  const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
  const { address, namespace, stateDir, storeUrl, modelUrl, tracesUrl } = options;
  const agents = createAgentRegistry({ strict: false });
  agents.replaceAll(tellerReleases());
  const texts = await openTextPublisher({ store: storeUrl, stateDir });
  const told = { secretEnv: 'HOOK', secretEnvs: {}, allowPrivate: ['127.0.0.0/8'] };
  const webhooks = webhookSending(told, () => WEBHOOK_SECRET);
  const settings = tracesUrl === undefined ? undefined : { url: tracesUrl, content: false, redact: [], sample: 1 };
  const tracing =
    settings && openTracing({ settings, logger: pino({ level: 'silent' }), instance: 'teller', secrets: [] });
  const worker = await startWorker({
    ...{ connection: { address }, namespace, taskQueue: 'agents', stateDir, agents, texts },
    store: openStore(storeUrl),
    metrics: createMetrics(),
    providers: createProviderRegistry([
      createOpenAiProvider({ name: 'test', baseUrl: modelUrl, apiKey: 'key', api: 'chat' }),
    ]),
    secretsOf: () => ({}),
    ...(webhooks ? { webhooks } : {}),
    ...(tracing ? { tracing } : {}),
  });
  const stop = (): void =>
    void worker
      .stop()
      .then(() => texts.close())
      .then(() => tracing?.close())
      .then(() => process.exit(0));
  process.once('SIGTERM', stop);
  // Gone with whoever started it.
  process.stdin.resume().once('end', stop);
  process.stdout.write('ready\n');
  await worker.finished;
}

void main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
