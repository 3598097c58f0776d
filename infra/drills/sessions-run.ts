// Recorded conversations as sessions, several at once, on worker processes that are killed at random moments. Temporal, the store and the
// model server live on; whatever a worker held is another's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { openConnection } from '../temporal/open-connection';
import { openStore } from '../../activities/store/open-store';
import { createAgentClient, type AgentClient } from '../../client/agent-client';
import { startModelServer } from '../../test/kit';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { startEmbeddedTemporal } from '../temporal/start-embedded';
import { respondAsRecorded, type AirlineRecording } from './airline-recording';
import { temporalCliPath, TOP } from './checkout';
import { playSession } from './play-session';
import { createFleet } from './worker-fleet';

export interface SessionsRunOptions {
  /** Holds trajectories/. */
  shared: string;
  recordings: readonly AirlineRecording[];
  /** Conversations that go on at the same time. */
  atOnce: number;
  workers: number;
  /** One of the workers is killed, and another started, in the middle of such a time. @default none is killed */
  killEveryMs?: number;
  seed: number;
  onPlayed?: (line: string) => void;
}

export interface SessionsRun {
  problems: string[];
  kills: number;
  messages: number;
  ms: number;
}

const TASK_QUEUE = 'airline';

interface Moment {
  came: Promise<void>;
  come(): void;
}

function createMoment(): Moment {
  let come = (): void => undefined;
  const came = new Promise<void>((resolve) => (come = resolve));
  return { came, come: () => come() };
}

export async function sessionsRun(options: SessionsRunOptions): Promise<SessionsRun> {
  const { recordings } = options;
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-sessions-'));
  const overs = new Map(recordings.map(({ index }) => [index, createMoment()]));
  const model = await startModelServer({ respond: respondAsRecorded(recordings, (at) => overs.get(at)?.come()) });
  const server = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCliPath(), searchAttributes: SEARCH_ATTRIBUTES },
  });
  const connection = await openConnection({ address: server.address });
  const store = openStore(`lmdb:${join(stateDir, 'store')}`);
  const temporal = new Client({ connection, namespace: server.namespace });
  const client = createAgentClient({ temporal, store, taskQueue: TASK_QUEUE, tenant: 'airline' });
  const { shared, workers, killEveryMs, seed } = options;
  const fleet = createFleet({
    ...{ workers, seed, stateDir, address: server.address, taskQueue: TASK_QUEUE },
    agents: join(TOP, 'infra', 'drills', 'airline-agents'),
    env: {
      ...{ LONGHAUL_SHARED: shared, OPENAI_BASE_URL: model.url, OPENAI_API_KEY: 'sk-of-the-drill', OPENAI_API: 'chat' },
    },
    ...(killEveryMs === undefined ? {} : { killEveryMs }),
  });
  const begun = Date.now();
  try {
    await fleet.start();
    const problems: string[] = [];
    let messages = 0;
    const left = [...recordings];
    const play = async (): Promise<void> => {
      for (let recording = left.shift(); recording; recording = left.shift()) {
        const played = await playOne(client, recording, overs.get(recording.index)?.came, options);
        problems.push(...played.problems);
        messages += played.messages;
      }
    };
    await Promise.all(Array.from({ length: options.atOnce }, play));
    return { problems, kills: fleet.kills(), messages, ms: Date.now() - begun };
  } finally {
    await fleet.stop();
    await client.close();
    await Promise.all([model.close(), server.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function playOne(
  client: AgentClient,
  recording: AirlineRecording,
  over: Promise<void> | undefined,
  { onPlayed }: SessionsRunOptions,
): Promise<{ problems: string[]; messages: number }> {
  const { label, index } = recording;
  const session = `airline-${index}`;
  // What goes wrong with one is no reason to end the others in their middle.
  const played = await playSession({ client, recording, session, over: over ?? Promise.resolve(), times: 2 }).catch(
    (error: unknown) => ({ problems: [error instanceof Error ? error.message : String(error)], messages: 0 }),
  );
  onPlayed?.(`${label}: ${played.messages} messages${played.problems.length === 0 ? '' : '  WRONG'}`);
  return { ...played, problems: played.problems.map((problem) => `${label}: ${problem}`) };
}
