// Needs a Temporal CLI, which an embedded server is started from, and a free port: a receiver that is away, and a worker that is killed meanwhile.
import { freePort } from '../stack/free-port';
import { script } from '../kit/model-server';
import { startTellerStack } from '../stack/teller';
import { until } from '../stack/until';
import { startWebhookReceiver } from '../stack/webhook-receiver';
import { WEBHOOK_PREFIX } from '../../activities/store/ref-names';

test('a receiver that was away while the worker was killed is told all the same', async () => {
  const stack = await startTellerStack({ model: { script: script().answer('said') } });
  const port = await freePort();
  try {
    const first = await stack.startWorker();
    const run = await stack.client.agent('teller').start('tell', {
      webhook: { url: `http://127.0.0.1:${port}/hook` },
    });
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    // It is being told, in vain: the end has not waited for that.
    await first.end('SIGKILL');
    expect(await stack.store.listRefs(WEBHOOK_PREFIX)).toHaveLength(1);
    const receiver = await startWebhookReceiver({ port });
    try {
      await stack.startWorker();
      await until(() => receiver.received.length > 0, 120_000);
      expect(receiver.received).toMatchObject([
        { isSigned: true, body: { data: { run: run.id, outcome: 'completed' } } },
      ]);
      await until(async () => (await stack.store.listRefs(WEBHOOK_PREFIX)).length === 0);
    } finally {
      await receiver.close();
    }
  } finally {
    await stack.close();
  }
}, 300_000);
