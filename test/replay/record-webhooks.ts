// Histories of a run that is watched, and of what tells its caller: of a question and the end, and of an end that the caller will not hear.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { webhookSending } from '../../workers/webhook';
import { webhookWorkflowId } from '../../workflows/contract/names';
import { script, type ModelServer } from '../kit/model-server';
import { startTestStack } from '../stack/test-stack';
import { until } from '../stack/until';
import { WEBHOOK_SECRET, startWebhookReceiver } from '../stack/webhook-receiver';
import { keepHistory } from './keep-history';

const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.object({}),
  effect: 'keyed',
  approval: {},
  run: () => ({}),
});
const watched = defineAgent({ name: 'watched', instructions: 'Pay.', tools: [pay] });
const MS = 120_000;

export async function recordWebhooks(model: ModelServer, date: string): Promise<void> {
  const receiver = await startWebhookReceiver({ answer: (path) => ({ status: path === '/gone' ? 410 : 204 }) });
  const webhooks = webhookSending(
    { secretEnv: 'HOOK', secretEnvs: {}, allowPrivate: ['127.0.0.0/8'] },
    () => WEBHOOK_SECRET,
  );
  const stack = await startTestStack({
    agents: [watched],
    modelUrl: model.url,
    approvers: { people: {}, allowUnsigned: true },
    ...(webhooks ? { webhooks } : {}),
  });
  const { client, temporal } = stack;
  const start = (id: string) =>
    client.agent<typeof watched>('watched').start('pay', { id, webhook: { url: `${receiver.url}/${id}` } });
  const watchIs = (id: string, status: string): Promise<void> =>
    until(async () => (await temporal.workflow.getHandle(webhookWorkflowId(id)).describe()).status.name === status, MS);

  model.setScript(script().call('pay', { amount: 5 }).answer('paid'));
  const asking = await start('asking');
  await until(() => Promise.resolve(receiver.received.length > 0), MS);
  await asking.deny(1, { reason: 'not today' });
  await asking.result();
  await watchIs('asking', 'COMPLETED');
  await keepHistory(stack, 'asking', 'agent-run-watched', date);
  await keepHistory(stack, webhookWorkflowId('asking'), 'caller-webhook-asked-and-ended', date);

  model.setScript(script().answer('done'));
  await (await start('gone')).result();
  await watchIs('gone', 'FAILED');
  await keepHistory(stack, webhookWorkflowId('gone'), 'caller-webhook-given-up', date);
  await stack.close();
  await receiver.close();
}
