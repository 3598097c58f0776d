// Plays a recorded conversation as a session: the customer's messages are sent one after the other, model and tools answer as they did.
import type { AnyAgent } from '../../activities/define';
import type { AgentClient } from '../../client/agent-client';
import { ClientError } from '../../client/errors';
import { isTemporalGone } from '../../client/temporal-gone';
import { differenceFrom, type AirlineRecording } from './airline-recording';

export interface PlayedSession {
  /** In words, what is not as it was recorded. */
  problems: string[];
  messages: number;
}

export interface PlayOptions {
  client: AgentClient;
  recording: AirlineRecording;
  session: string;
  /** Resolves when the model was asked for what nobody has recorded. */
  over: Promise<void>;
  /** Sends each message again, as a caller does who was not told that it was taken. @default once */
  times?: number;
  onTurn?: (turn: number) => void;
}

export async function playSession(options: PlayOptions): Promise<PlayedSession> {
  const { client, recording, over, times = 1, onTurn } = options;
  const session = client.session<AnyAgent>(`airline-${recording.index}`, options.session);
  const problems: string[] = [];
  for (const [turn, { customer, answer }] of recording.turns.entries()) {
    const [run] = await Promise.all(
      Array.from({ length: times }, () => patiently(() => session.send(customer, { id: `m${turn}` }))),
    );
    if (!run) continue;
    const ending = patiently(() => run.result());
    if (answer === undefined) {
      // The conversation ends here: with a customer who is answered by nobody, or with a person who took over.
      const isOver = await Promise.race([over.then(() => true), ending.then(() => false)]);
      if (isOver) await patiently(() => run.cancel('the recording ends here'));
    }
    const result = await ending;
    onTurn?.(turn);
    if (answer === undefined && result.outcome === 'cancelled') continue;
    if (result.outcome !== 'completed')
      problems.push(`message ${turn}: ${result.outcome}: ${result.failure.type}: ${result.failure.message}`);
    else if (result.output !== answer) problems.push(`message ${turn} was answered otherwise.`);
  }
  await patiently(() => session.retire('the recording ends here'));
  await until(async () => (await patiently(() => session.info())).status === 'retired');
  const transcript = await session.transcript();
  const difference = differenceFrom(recording, transcript);
  if (difference !== undefined) problems.push(difference);
  return { problems, messages: transcript.length };
}

const LOOK_MS = 100;
/** Beside a worker that was killed, and the next. */
const PATIENCE_MS = 120_000;

/** As a caller does who was not answered: the same again. Where every worker was killed, nobody answers until the next one is up. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    try {
      return await work();
    } catch (error) {
      const isUnanswered = ClientError.isInstance(error) ? error.code === 'no-worker' : isTemporalGone(error);
      if (!isUnanswered || Date.now() > deadline) throw error;
    }
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('a session did not come to its end.');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
