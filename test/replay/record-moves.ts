// Histories of a run that goes on with another release of its agent, the execution that is asked and the one that has it; and of one that stays,
// because its turn under way calls a tool that the other lacks.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { currentRelease } from '../../client/releases';
import { UPDATE_NAMES } from '../../workflows/contract/names';
import { script, type ModelServer } from '../kit/model-server';
import { startTestStack } from '../stack/test-stack';
import { keepHistory } from './keep-history';

const tool = (name: string) =>
  defineTool({
    ...{ name, description: 'Looks.', input: z.object({}), output: z.string(), effect: 'read', run: () => 'seen' },
  });
const [look, extra] = [tool('look'), tool('extra')];
const mover = (instructions: string, tools = [look]) => defineAgent({ name: 'mover', instructions, tools });

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

  await stack.publish([mover('Look closely.', [look, extra])]);
  model.setScript(script().call('extra', {}).answer('seen'));
  model.addFaults({ when: { nth: model.requests().length + 1 }, do: { hold: 'stays' } });
  const stays = await stack.client.agent<ReturnType<typeof mover>>('mover').start('look', { id: 'stays' });
  await model.until(({ requests }) => requests >= nth + 2);
  await stack.temporal.workflow
    .getHandle(stays.id)
    .executeUpdate(UPDATE_NAMES.takeRelease, { args: [{ release, plan: manifest.plan }] });
  model.release('stays');
  await stays.result();
  await keepHistory(stack, stays.id, 'agent-run-stayed-for-its-tools', date);
  await stack.close();
}
