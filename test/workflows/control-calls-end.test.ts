// Needs a Temporal server (embedded, real). What activities ask of sessions and queues ends with the activity, answered or not: a worker
// that is told to stop waits for its activities, and it may be the one that would have answered.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { openConnection } from '../../infra/temporal/open-connection';
import { MockActivityEnvironment } from '@temporalio/testing';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPES, sessionWorkflowId } from '../../workflows/contract/names';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { DEFAULT_SESSION_PLAN } from '../../workflows/contract/limits';
import { controlExecutions } from '../../workers/control-executions';
import { freePort } from '../stack/free-port';
import { temporalCli } from '../stack/test-stack';

jest.setTimeout(120_000);

const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-test-'));
let server: EmbeddedTemporal;
let temporal: Client;
beforeAll(async () => {
  server = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCli(), searchAttributes: SEARCH_ATTRIBUTES },
    preferredPort: await freePort(),
  });
  const { address, namespace } = server;
  temporal = new Client({ connection: await openConnection({ address }), namespace });
});
afterAll(async () => {
  await temporal.connection.close();
  await server.stop();
  rmSync(stateDir, { recursive: true });
});

test('a message to a session that no worker serves is not waited for beyond its activity', async () => {
  const unheard = await temporal.workflow.start(WORKFLOW_TYPES.agentSession, {
    ...{ workflowId: sessionWorkflowId('unheard'), taskQueue: 'nobody', args: [] },
  });
  const executions = controlExecutions({ temporal, taskQueue: 'agents' });
  const of = { session: 'unheard', agent: 'friend', tenant: 'acme' };
  const said = { message: 'a'.repeat(64), release: 'b'.repeat(64), preview: 'hello' };
  const environment = new MockActivityEnvironment();
  const asked = environment.run(() =>
    executions.send(
      { schemaVersion: 1, ...of, plan: DEFAULT_SESSION_PLAN },
      { id: 'm', run: 'unheard/m', agent: 'friend', tenant: 'acme', ...said },
    ),
  );
  environment.cancel('WORKER_SHUTDOWN');
  await expect(asked).rejects.toThrow();
  await unheard.terminate();
});
