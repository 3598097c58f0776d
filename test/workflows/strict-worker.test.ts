// Needs: a Temporal CLI, local ports. A worker that runs no release with the code of another: runs of one whose code it has not wait by
// themselves, and go on once a worker has it. Nothing of them is made with other code.
import { defineAgent } from '../../activities/define';
import { publishReleases } from '../../workers/publish-releases';
import { startModelServer, type ModelServer } from '../kit/model-server';
import { manifestFor } from '../stack/manifest-for';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { until } from '../stack/until';

jest.setTimeout(180_000);

const desk = (instructions: string) => defineAgent({ name: 'desk', instructions });
const [old, young] = [desk('old'), desk('young')];
let model: ModelServer;
let stack: TestStack;
const told: string[] = [];
beforeAll(async () => {
  model = await startModelServer();
  model.setRespond(({ messages }) => {
    told.push(messages[0]?.text ?? '');
    return { text: 'done' };
  });
  stack = await startTestStack({ agents: [old], modelUrl: model.url, strict: true });
});
afterAll(async () => {
  await stack.close();
  await model.close();
});

test('it waits for a worker with its code, and says so', async () => {
  // As another worker would, which is gone by now.
  const { release } = manifestFor(young, ['test/model']);
  await publishReleases(stack.store, [manifestFor(young, ['test/model'])]);
  const run = await stack.client.agent<typeof young>('desk').start('go', { id: 'waits' });
  await until(async () => (await run.progress()).status === 'waiting', 90_000);
  const { reason } = await run.progress();
  expect(reason).toMatch(/^Release\.CodeElsewhere: this worker has the code of release [0-9a-f]{12} of "desk"/);
  expect(reason).toContain(`runs release ${release.slice(0, 12)} with none but its own`);
  expect(told).toEqual([]);
  await stack.publish([young]);
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'done' });
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^young/);
});
