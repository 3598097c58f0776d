// Needs Temporal's CLI. Sub-agents on a real server: what comes back, and what does not.
import { z } from 'zod';
import { agentTool, defineAgent, defineTool } from '../../activities/define';
import { startModelServer, script, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const researcher = defineAgent({
  name: 'researcher',
  description: 'Finds out.',
  instructions: 'You are the researcher.',
});
const lead = defineAgent({
  name: 'lead',
  instructions: 'You are the lead.',
  tools: [agentTool(researcher)],
});

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  stack = await startTestStack({ agents: [researcher, lead], modelUrl: model.url });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
});

test('what a sub-agent answers is what its caller reads', async () => {
  model.setScript(script().call('researcher', { input: 'why?' }).answer('because').answer('I know why'));
  const run = await stack.client.agent<typeof lead>('lead').start('find out', { id: 'plain' });
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'I know why' });
  console.log(JSON.stringify(await run.transcript(), null, 1));
});
