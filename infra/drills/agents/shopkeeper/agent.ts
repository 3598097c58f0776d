// The caller of the effects drill's other form: it pays nothing itself, and has the cashier do it.
import { agentTool, defineAgent } from 'longhaul';
import { z } from 'zod';
import { cashier } from '../cashier/agent';

export const shopkeeper = defineAgent({
  name: 'shopkeeper',
  description: 'Has a cashier work at a till, for the effects drill.',
  instructions: 'Have done what you are asked, one thing after the other.',
  input: z.object({ task: z.string(), till: z.string() }),
  tools: [agentTool(cashier, {}, { independent: true })],
  limits: { turns: 200, toolCalls: 600 },
});
