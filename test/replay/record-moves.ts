// The history of a run that goes on with another release of its agent: the execution that is asked, and the one that has it.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { currentRelease } from '../../client/releases';
import { UPDATE_NAMES } from '../../workflows/contract/names';
import { script, type ModelServer } from '../kit/model-server';
import { startTestStack } from '../stack/test-stack';
import { keepHistory } from './keep-history';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'seen',
});
const mover = (instructions: string) => defineAgent({ name: 'mover', instructions, tools: [look] });

export async function recordMoves(model: ModelServer, date: string): Promise<void> {
  const stack = await startTestStack({ agents: [mover('Look.')], modelUrl: model.url });
  model.setScript(script().call('look', {}).answer('seen'));
  const nth = model.requests().length + 1;
  model.addFaults({ when: { nth }, do: { hold: 'moved' } });
  const run = await stack.client.agent<ReturnType<typeof mover>>('mover').start('look', { id: 'moved' });
  await model.until(({ requests }) => requests >= nth);
  await stack.publish([mover('Look twice.')]);
  const { release, manifest } = await currentRelease(stack.store, 'mover');
  await stack.temporal.workflow
    .getHandle(run.id)
    .executeUpdate(UPDATE_NAMES.takeRelease, { args: [{ release, plan: manifest.plan }] });
  model.release('moved');
  await run.result();
  await keepHistory(stack, run.id, 'agent-run-moved-to-another-release', date);
  await stack.close();
}
