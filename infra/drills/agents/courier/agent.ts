// The agent of the crash drills: everything it does outside is counted by a server that no drill kills.
import { defineAgent, defineTool } from 'longhaul';
import { z } from 'zod';
import { writeReport } from '../../../../agents/repo-analyst/report';

const needs = z.object({ dir: z.string(), counter: z.string() });
const parcel = z.object({ parcel: z.string().describe('Its number, such as p7.') });

/** What a tool did is told to the world before the tool answers. */
async function tell(counter: string, what: string): Promise<void> {
  const response = await fetch(`${counter}/${encodeURIComponent(what)}`, { method: 'POST' });
  if (!response.ok) throw new Error(`the counter answered ${response.status}.`);
}

const lookUpAddress = defineTool({
  name: 'look_up_address',
  description: 'The address a parcel goes to.',
  input: parcel,
  output: z.object({ address: z.string() }),
  effect: 'read',
  needs,
  run: async ({ parcel: number }, { input }) => {
    await tell(input.counter, `look_up_address ${number}`);
    return { address: `${number.slice(1)} Harbour Street` };
  },
});

const deliverParcel = defineTool({
  name: 'deliver_parcel',
  description: 'Delivers a parcel. The same parcel delivered again is the same delivery.',
  input: parcel,
  output: z.object({ delivered: z.string() }),
  effect: 'idempotent',
  needs,
  run: async ({ parcel: number }, { input }) => {
    await tell(input.counter, `deliver_parcel ${number}`);
    return { delivered: number };
  },
});

const keepReport = defineTool({
  name: 'keep_report',
  description: 'Keeps a report of the round beside the run.',
  input: z.object({ text: z.string() }),
  // Without the path, which holds the run's id: two runs that did the same must have said the same.
  output: z.object({ sha256: z.string(), bytes: z.number() }),
  effect: 'idempotent',
  needs,
  run: async ({ text }, { input, stateDir, run, effectKey }) => {
    await tell(input.counter, 'keep_report');
    const { sha256, bytes } = await writeReport(
      { stateDir, notInto: input.dir },
      { runId: run.id, effectKey },
      `# The round\n\n${text}\n`,
    );
    return { sha256, bytes };
  },
});

export const courier = defineAgent({
  name: 'courier',
  description: 'Delivers parcels, for the crash drills.',
  instructions: 'Look up where each parcel goes, deliver it, and keep a report before you answer.',
  input: z.object({ task: z.string(), dir: z.string(), counter: z.string() }),
  tools: [lookUpAddress, deliverParcel, keepReport],
});
