// `npm run drill:sessions`: each of the recorded conversations as a session, its transcript compared message for message, while workers are
// killed at random.
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { allRecordings, missingRecording } from './airline-recording';
import { TOP } from './checkout';
import { sessionsRun } from './sessions-run';

const USAGE = 2;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      recordings: { type: 'string', default: '50' },
      from: { type: 'string', default: '0' },
      'at-once': { type: 'string', default: '5' },
      workers: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      'kill-every': { type: 'string', default: '15' },
    },
  });
  const shared = resolve(process.env['LONGHAUL_SHARED'] || join(TOP, '..', 'shared'));
  const folder = join(shared, 'trajectories');
  const missing = missingRecording(folder);
  if (missing !== undefined) {
    console.error(`error  ${missing} is not there. Set LONGHAUL_SHARED to the folder that holds trajectories/.`);
    return USAGE;
  }
  const killEveryMs = Number(values['kill-every']) * 1_000;
  const recordings = allRecordings(folder).slice(Number(values.from)).slice(0, Number(values.recordings));
  const run = await sessionsRun({
    ...{ shared, recordings, atOnce: Number(values['at-once']), workers: Number(values.workers) },
    seed: Number(values.seed),
    ...(killEveryMs > 0 ? { killEveryMs } : {}),
    onPlayed: (line) => console.log(line),
  });
  const said = recordings.reduce((sum, { turns }) => sum + turns.length, 0);
  console.log(
    `\n${recordings.length} conversations, ${said} messages of customers, each sent twice; ${run.messages} messages in all, ` +
      `${Math.round(run.ms / 1_000)} s, ${run.kills} workers killed`,
  );
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model}`);
  for (const problem of run.problems) console.log(`problem  ${problem}`);
  console.log(`${run.problems.length} differences`);
  return run.problems.length === 0 ? 0 : 1;
}

void main()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  })
  // Native threads of the Temporal SDK and of LMDB would keep it alive.
  .then((code) => process.exit(code));
