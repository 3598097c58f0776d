// Needs a Temporal server (embedded, real). What activities ask of sessions and queues ends with the activity, answered or not: a worker
// that is told to stop waits for its activities, and it may be the one that would have answered.
import { MockActivityEnvironment } from '@temporalio/testing';
import { controlExecutions } from '../../workers/control-executions';
import { WORKFLOW_TYPES, sessionWorkflowId } from '../../workflows/contract/names';
import { defineAgent } from '../../activities/define';
import { DEFAULT_SESSION_PLAN } from '../../workflows/contract/limits';
import { useStack } from '../stack/use-stack';

jest.setTimeout(60_000);

const used = useStack(
  { respond: () => ({ text: 'yes' }) },
  { agents: [defineAgent({ name: 'friend', instructions: 'Talk.', mode: 'session' })] },
);

test('a message to a session that no worker serves is not waited for beyond its activity', async () => {
  const { temporal } = used.stack;
  const unheard = await temporal.workflow.start(WORKFLOW_TYPES.agentSession, {
    ...{ workflowId: sessionWorkflowId('unheard'), taskQueue: 'nobody', args: [] },
  });
  const { send } = controlExecutions({ temporal, taskQueue: 'agents' });
  const of = { session: 'unheard', agent: 'friend', tenant: 'acme' };
  const said = { message: 'a'.repeat(64), release: 'b'.repeat(64), preview: 'hello' };
  const environment = new MockActivityEnvironment();
  const asked = environment.run(() =>
    send(
      { schemaVersion: 1, ...of, plan: DEFAULT_SESSION_PLAN },
      { id: 'm', run: 'unheard/m', agent: 'friend', tenant: 'acme', ...said },
    ),
  );
  environment.cancel('WORKER_SHUTDOWN');
  await expect(asked).rejects.toThrow();
  await unheard.terminate();
});
