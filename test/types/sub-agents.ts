// Checked by the compiler alone: agents as tools.
import { z } from 'zod';
import { agentTool, defineAgent, type AgentInput } from 'longhaul';
import { refund, refunds } from './definitions';
import { holds, type Equal } from './equal';

const helper = defineAgent({
  name: 'helper',
  description: 'Helps.',
  instructions: 'Help.',
  output: z.object({ help: z.string() }),
});
const typedHelper = agentTool(
  refunds,
  { turns: 3, usd: 0.1, modelCalls: 4, wall: '1m' },
  { onFailure: 'stop', independent: true },
);
const plainHelper = agentTool(helper);
holds<Equal<(typeof plainHelper)['name'], 'helper'>>();
holds<Equal<z.output<(typeof plainHelper)['input']>, { input: string }>>();
holds<Equal<z.output<(typeof plainHelper)['output']>, { help: string }>>();
holds<Equal<z.input<(typeof typedHelper)['input']>, AgentInput<typeof refunds>>>();
// @ts-expect-error a limit that there is not
agentTool(helper, { euros: 1 });
// @ts-expect-error the tool is not an agent
agentTool(refund);
export const leading = defineAgent({
  name: 'leading',
  instructions: 'x',
  tools: [plainHelper, typedHelper, refund],
  input: z.object({ customer: z.string() }),
});
