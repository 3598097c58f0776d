// Needs a Temporal server (embedded, real). The model server is not ours: a public mock of the OpenAI API, so that our reading of the
// protocol is not checked by ourselves alone.
import { LLMock } from '@copilotkit/aimock';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { startTestStack, type TestStack } from '../stack/test-stack';

const weather = defineTool({
  name: 'weather',
  description: 'The weather in a city.',
  input: z.object({ city: z.string() }),
  output: z.object({ celsius: z.number() }),
  effect: 'read',
  run: ({ city }) => ({ celsius: city.length }),
});
const agent = defineAgent({ name: 'forecaster', instructions: 'Tell the weather.', tools: [weather] });

describe.each(['chat', 'responses'] as const)(
  'an OpenAI-compatible server that is not ours, over the %s API',
  (api) => {
    let mock: LLMock;
    let stack: TestStack;
    beforeAll(async () => {
      mock = new LLMock({ port: 0 });
      mock.on(
        { turnIndex: 0 },
        {
          toolCalls: [
            { name: 'weather', arguments: { city: 'Oslo' } },
            { name: 'weather', arguments: { city: 'Bergen' } },
          ],
        },
      );
      mock.on({ turnIndex: 1 }, { content: 'Oslo 4, Bergen 6.' });
      await mock.start();
      stack = await startTestStack({ agents: [agent], modelUrl: `${mock.url}/v1`, api });
    });
    afterAll(async () => {
      await stack.close();
      await mock.stop();
    });

    test('drives a run end to end', async () => {
      const run = await stack.client.agent<typeof agent>('forecaster').start('Oslo and Bergen?');
      expect(await run.result()).toMatchObject({
        outcome: 'completed',
        output: 'Oslo 4, Bergen 6.',
        totals: { turns: 2, toolCalls: 2 },
      });
      const texts = (await run.transcript()).flatMap((message) =>
        message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])),
      );
      expect(texts).toEqual(['Oslo and Bergen?', '{"celsius":4}', '{"celsius":6}', 'Oslo 4, Bergen 6.']);
    });
  },
);
