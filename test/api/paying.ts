// An agent that asks somebody of finance before it pays, and what it has paid.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';

export const paid: number[] = [];
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.object({ receipt: z.string() }),
  effect: 'keyed',
  approval: { by: 'finance' },
  run: ({ amount }) => {
    paid.push(amount);
    return { receipt: `for ${amount}` };
  },
});
export const payer = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [pay] });
