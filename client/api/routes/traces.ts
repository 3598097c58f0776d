// What a run did: the whole of it as a trace, and one of its calls, with exactly what a model was asked.
import { z } from 'zod';
import { readTrace } from '../../trace/read-trace';
import { runTraceShape } from '../../trace/trace-shapes';
import { knownRun } from '../known-run';
import { defineRoute } from '../route';
import { runIdShape } from '../shapes';
import { createTurnstile } from '../turnstile';

/** Each reads the whole of a run's history. */
const readers = createTurnstile(20);

function turnsOf(text: string): { from: number; to: number } {
  const [from = 0, to = 0] = text.split('..').map(Number);
  return { from, to };
}

const traceRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs/{id}/trace',
    group: 'runs',
    summary: 'What a run did, as one tree of spans',
    description:
      'From the store, and from the history where Temporal still has it: calls, waits, decisions, sub-agents, and what people did.',
    scopes: ['read'],
    params: runIdShape,
    query: z.strictObject({
      turns: z
        .string()
        .regex(/^[1-9]\d{0,6}\.\.[1-9]\d{0,6}$/, { error: 'it is two turns, such as 3..5', abort: true })
        .refine((text) => turnsOf(text).from <= turnsOf(text).to, 'the first of them is not behind the second')
        .exactOptional()
        .describe('Only these of its turns, such as 3..5.'),
    }),
    answers: { 200: { description: 'The trace.', schema: { name: 'Trace', shape: runTraceShape } } },
  },
  async ({ params, query, caller, deps: { store, temporal } }) => {
    const record = await knownRun(caller, store, params.id);
    const turns = query.turns === undefined ? {} : { turns: turnsOf(query.turns) };
    const body = await readers.pass(caller, () => readTrace({ store, temporal }, record, turns));
    return { status: 200, body };
  },
);

export const traceRoutes = [traceRoute];
