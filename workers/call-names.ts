// By what a run knows its calls, in what Temporal's SDK writes down of them: its own lines name an activity by Temporal's number alone.
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { z } from 'zod';

const callSchema = z.object({ key: z.object({ turn: z.number(), index: z.number() }) });

/** Of every worker that makes calls of runs. Other activities have no key, and keep their lines as they are. */
export const callNames: ActivityInterceptorsFactory = () => {
  let names: { turn?: number; call?: number } = {};
  return {
    inbound: {
      execute: async (input, next) => {
        const { data } = callSchema.safeParse(input.args[0]);
        if (data) names = { turn: data.key.turn, call: data.key.index };
        return await next(input);
      },
    },
    outbound: { getLogAttributes: (attributes, next) => ({ ...next(attributes), ...names }) },
  };
};
