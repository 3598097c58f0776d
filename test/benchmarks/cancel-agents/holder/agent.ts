// The agent of the cancel benchmark: its tool, in a toolbox of its own, holds a request to the model server open until it is told to stop.
import { defineAgent, defineTool, defineToolbox } from 'longhaul';
import { z } from 'zod';

const outside = defineToolbox({ name: 'outside' });

const hold = defineTool({
  name: 'hold',
  description: 'Holds a request open.',
  toolbox: outside,
  input: z.object({}),
  output: z.string(),
  needs: z.object({ mark: z.string(), server: z.string() }),
  effect: 'read',
  timeout: '2m',
  run: async (_, { input: { mark, server }, signal }) => {
    // The list of models is all that the model server lets a request without a conversation ask for.
    const response = await fetch(`${server}/models/${mark}`, { signal });
    if (!response.ok) throw new Error(`answered ${response.status}.`);
    return await response.text();
  },
});

export const holder = defineAgent({
  name: 'holder',
  instructions: 'Do what you are asked.',
  input: z.object({ mark: z.string(), act: z.enum(['speak', 'hold']), server: z.string() }),
  tools: [hold],
});
