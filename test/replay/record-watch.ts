// History of one look of the watch, begun by its schedule.
import { defineAgent } from '../../activities/define';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import type { ModelServer } from '../kit/model-server';
import { startTestStack } from '../stack/test-stack';
import { until } from '../stack/until';
import { keepHistory } from './keep-history';

const MS = 120_000;

export async function recordWatch(model: ModelServer, date: string): Promise<void> {
  const stack = await startTestStack({
    agents: [defineAgent({ name: 'seen', instructions: 'Look.' })],
    modelUrl: model.url,
    watch: { everyMs: 1_000, falseAlarms: 0.01, tokensTimes: 10 },
  });
  const looks: string[] = [];
  await until(async () => {
    const query = `WorkflowType = '${WORKFLOW_TYPES.agentWatch}' AND ExecutionStatus = 'Completed'`;
    for await (const { workflowId } of stack.temporal.workflow.list({ query })) looks.push(workflowId);
    return looks.length > 0;
  }, MS);
  await keepHistory(stack, looks[0] ?? '', 'agent-watch-looked', date);
  await stack.close();
}
