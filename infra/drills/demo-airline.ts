// `npm run demo:airline`: a recorded conversation of a real model, played through the real stack. Temporal, worker, store and
// wire protocol are real; what model, tools and customer say is recorded, and every line says so.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AnyAgent } from '../../activities/define';
import { openHost, type Host } from '../../client/cli/host';
import { startModelServer } from '../../test/kit';
import { loadSettings } from '../../workers/config';
import type { Message } from '../../workflows/contract/message';
import { chooseRecording, missingRecording, respondAsRecorded, type AirlineRecording } from './airline-recording';
import { drillEnv, temporalCliPath, TOP } from './checkout';

const USAGE = 2;
const SHOWN_CHARS = 400;

const say = (who: string, text: string): void => {
  const line = text.replace(/\s+/g, ' ').trim();
  console.log(`recorded | ${who.padEnd(9)} ${line.length > SHOWN_CHARS ? `${line.slice(0, SHOWN_CHARS)} ...` : line}`);
};

async function main(): Promise<number> {
  const shared = resolve(process.env['LONGHAUL_SHARED'] || join(TOP, '..', 'shared'));
  const folder = join(shared, 'trajectories');
  const missing = missingRecording(folder);
  if (missing !== undefined) {
    console.error(
      `error  ${missing} is not there. Set LONGHAUL_SHARED to the folder that holds trajectories/ with the recordings.`,
    );
    return USAGE;
  }
  const recording = chooseRecording(folder);
  // The agent's file is loaded by the stack as any other, and finds the recordings by this.
  process.env['LONGHAUL_SHARED'] = shared;
  const server = await startModelServer({ respond: respondAsRecorded([recording]) });
  const stateDir = mkdtempSync(join(tmpdir(), 'longhaul-airline-'));
  let host: Host | undefined;
  try {
    say('', `plays ${recording.label} of the airline recordings: ${recording.turns.length} messages of the customer.`);
    say('', 'they are one session: each is answered by a run of its own, which goes on from the one before.');
    host = await hostOf(stateDir, server.url);
    return await play(host, recording);
  } finally {
    await host?.stop();
    await server.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function hostOf(stateDir: string, modelUrl: string): Promise<Host> {
  const env = drillEnv({
    LONGHAUL_TEMPORAL_CLI: await temporalCliPath(),
    OPENAI_BASE_URL: modelUrl,
    OPENAI_API_KEY: 'sk-of-the-demonstration',
    OPENAI_API: 'chat',
  });
  const overrides = { agents: join(TOP, 'infra', 'drills', 'airline-agents'), stateDir };
  const settings = await loadSettings({ cwd: stateDir, env, overrides });
  const opened = await openHost({ settings, env, note: (text) => console.error(text) });
  if (!('host' in opened)) throw new Error('another process uses the folder of this demonstration.');
  const [problem] = opened.host.served?.loaded.problems ?? [];
  if (problem) throw new Error(`${problem.file}: ${problem.message}`);
  return opened.host;
}

async function play({ client }: Host, { index, turns }: AirlineRecording): Promise<number> {
  const session = client.session<AnyAgent>(`airline-${index}`, 'airline-recording');
  const answered = turns.flatMap(({ customer, answer }) => (answer === undefined ? [] : [{ customer, answer }]));
  let asRecorded = 0;
  let shown = 0;
  for (const [turn, { customer, answer }] of answered.entries()) {
    say('customer', customer);
    const run = await session.send(customer, { id: `m${turn}` });
    const result = await run.result();
    const transcript = await run.transcript();
    for (const message of transcript.slice(shown + 1)) showMessage(message);
    shown = transcript.length;
    const { totals, checkpoint } = result;
    const about = `model calls ${totals.turns}, tool calls ${totals.toolCalls}, checkpoint ${checkpoint?.slice(0, 12)}`;
    if (result.outcome !== 'completed') {
      say('stack', `run ${result.runId} ${result.outcome}: ${result.failure.type}: ${result.failure.message}`);
      break;
    }
    say('stack', `run ${result.runId} completed: ${about}`);
    if (result.output === answer) asRecorded += 1;
  }
  say('', `${asRecorded} of ${answered.length} answers are, word for word, what was recorded.`);
  return asRecorded === answered.length ? 0 : 1;
}

function showMessage(message: Message): void {
  for (const part of message.parts) {
    if (part.type === 'text') say(message.role === 'tool' ? '  result' : 'agent', part.text);
    if (part.type === 'tool-call') say('  tool', `${part.name} ${JSON.stringify(part.arguments)}`);
  }
}

void main()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  })
  // Native threads of the Temporal SDK and of LMDB would keep it alive.
  .then((code) => process.exit(code));
