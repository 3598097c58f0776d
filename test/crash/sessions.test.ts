// Needs: the built command line (npm run build), a Temporal CLI, free ports, the recorded conversations in ../shared (or LONGHAUL_SHARED);
// skipped without those. Kills worker processes that it has started. The short form of `npm run drill:sessions`.
import { join, resolve } from 'node:path';
import { allRecordings, missingRecording } from '../../infra/drills/airline-recording';
import { TOP } from '../../infra/drills/checkout';
import { sessionsRun } from '../../infra/drills/sessions-run';

const shared = resolve(process.env['LONGHAUL_SHARED'] || join(TOP, '..', 'shared'));
const folder = join(shared, 'trajectories');
const missing = missingRecording(folder);
if (missing !== undefined) console.warn(`skipped: ${missing} is not there; LONGHAUL_SHARED names its folder`);
/** One that ends with a customer who is answered by nobody, one that ends with a tool, and one whose first trial begins alike. */
const CHOSEN = 3;

(missing === undefined ? test : test.skip)(
  'recorded conversations, played as sessions on workers that are killed at random, are as they were recorded, message for message',
  async () => {
    const all = allRecordings(folder);
    const toTool = all.find(({ messages }) => messages.at(-1)?.role === 'tool');
    const recordings = [...all.slice(0, CHOSEN - 1), ...(toTool ? [toTool] : [])];
    const run = await sessionsRun({ shared, recordings, atOnce: CHOSEN, workers: 2, killEveryMs: 600, seed: 1 });
    expect(run.problems).toEqual([]);
    expect(run.messages).toBe(recordings.reduce((sum, { messages }) => sum + messages.length, 0));
    expect(run.kills).toBeGreaterThan(0);
  },
  300_000,
);
