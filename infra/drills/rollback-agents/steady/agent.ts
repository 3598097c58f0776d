// The agent of the rollback drill: all that it does is to tell the world that it is at work. A release of it is a text beside it.
import { defineAgent, defineTool, fromFile } from 'longhaul';
import { z } from 'zod';

const act = defineTool({
  name: 'act',
  description: 'Does something.',
  input: z.object({ step: z.number(), version: z.string() }),
  output: z.string(),
  effect: 'idempotent',
  needs: z.object({ counter: z.string() }),
  run: async ({ step, version }, { input, signal }) => {
    const response = await fetch(`${input.counter}/${version}`, { method: 'POST', signal });
    if (!response.ok) throw new Error(`the counter answered ${response.status}.`);
    return `step ${step} is done`;
  },
});

export const steady = defineAgent({
  name: 'steady',
  description: 'Works on, for the rollback drill.',
  instructions: fromFile('./instructions.md'),
  input: z.object({ task: z.string(), counter: z.string() }),
  tools: [act],
  limits: { turns: 100, toolCalls: 100 },
});
