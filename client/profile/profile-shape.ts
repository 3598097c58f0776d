// How an agent behaves, as numbers: one structure that the command line prints and the HTTP API answers. Schemas alone, without I/O.
import { z } from 'zod';
import { usageSchema } from '../../workflows/contract/schemas/message';

const count = z.number().int().nonnegative();
const ms = z.number().describe('Milliseconds since 1970.');

const distribution = z.object({
  count: count.describe('How many values it is of: of few, the far percentiles say little.'),
  ...{ p50: z.number(), p90: z.number(), p99: z.number(), max: z.number(), mean: z.number() },
});

const spread = z.object({ p10: z.number(), p50: z.number(), p90: z.number() });

export const suggestionShape = z.object({
  of: z.enum(['mode', 'limits', 'quota']),
  setting: z.string().describe('As it is named in `defineAgent`, or in `quotas` of the configuration.'),
  value: z.union([z.string(), z.number()]),
  why: z.string(),
});
export type Suggestion = z.output<typeof suggestionShape>;

export const agentProfileShape = z.object({
  agent: z.string(),
  release: z.string().nullable().describe('Null of all releases.'),
  releases: count,
  from: ms.nullable().describe('When the oldest and the newest of the runs began.'),
  to: ms.nullable(),
  runs: count.describe('Those that have ended, sub-agents’ too.'),
  open: count,
  erased: count.describe('Among them, of which the calls are gone.'),
  /** Of the newest of them the calls are read. */
  readRuns: count.describe(
    'Of so many, the newest, the calls were read: what is of calls, turns and waits is of them.',
  ),
  outcomes: z.array(z.object({ outcome: z.string(), runs: count })),
  failures: z.array(z.object({ type: z.string(), runs: count })),
  perRun: z.object({
    durationMs: distribution,
    turns: distribution,
    modelCalls: distribution,
    toolCalls: distribution,
    inputTokens: distribution,
    outputTokens: distribution,
    nanoUsd: distribution.describe('Of runs whose cost is known in full.'),
    waitingMs: distribution.describe('Of its duration, when none of its calls was under way.'),
  }),
  usage: usageSchema,
  durations: z
    .array(z.object({ fromMs: z.number(), toMs: z.number(), runs: count }))
    .describe('Runs by duration, each class twice as long as the one before.'),
  drift: z
    .object({
      stepMs: count,
      points: z.array(
        z.object({
          from: ms.describe('When the step begins, of which these runs are by their starts.'),
          release: z.string(),
          ...{ runs: count, completed: count },
          tokens: spread.describe('Of a run, input and output.'),
          turns: spread.describe('Of a run.'),
          toolCalls: count.describe('Of those runs whose calls were read.'),
          toolFailures: count,
        }),
      ),
    })
    .describe('How its runs have changed: by time, oldest first, and by release.'),
  context: z
    .array(z.object({ turn: count, tokens: distribution }))
    .describe('Tokens that the model was given, by turn.'),
  model: z.object({ calls: count, ms: distribution, retried: count, cached: count }),
  tools: z.array(
    z.object({
      name: z.string(),
      calls: count,
      ms: distribution,
      failures: z.array(z.object({ type: z.string(), times: count })),
    }),
  ),
  unexpected: z
    .array(
      z.object({
        type: z.string(),
        times: count,
        runs: count,
        then: z.array(z.object({ what: z.string(), times: count })),
      }),
    )
    .describe('Answers that could not be used as they were, and what came next.'),
  arrivals: z.object({
    minutes: count.describe('In which there was a request to a model.'),
    requests: distribution.describe('Requests to models in such a minute.'),
    tokens: distribution.describe('Tokens in such a minute, input and output.'),
  }),
  enough: z.boolean().describe('Whether there are enough runs to suggest anything.'),
  suggests: z.array(suggestionShape),
});
export type AgentProfile = z.output<typeof agentProfileShape>;
