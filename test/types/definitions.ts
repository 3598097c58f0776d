// Checked by the compiler alone: what `npm run typecheck` accepts and refuses of tools and agents.
import { z } from 'zod';
import {
  defineAgent,
  defineConfig,
  defineTool,
  defineToolbox,
  fileRef,
  fromFile,
  httpTool,
  mcpToolbox,
  type AgentInput,
  type AgentOutput,
  type AnyAgent,
  type FileRef,
} from 'longhaul';
import { holds, type Equal } from './equal';

const payments = defineToolbox({ name: 'payments', secrets: ['PAYMENT_KEY', 'PAYMENT_URL'] });

export const refund = defineTool({
  name: 'refund',
  toolbox: payments,
  description: 'Refund an order',
  input: z.object({ orderId: z.string(), amount: z.coerce.number(), currency: z.string().default('EUR') }),
  output: z.object({ refundId: z.string(), at: z.string().transform((text) => text.length) }),
  effect: 'keyed',
  approval: false,
  timeout: '20s',
  retry: { attempts: 4 },
  needs: z.object({ customer: z.string() }),
  run: (args, context) => {
    // Arguments as they are after parsing: defaults are filled, coercions done.
    holds<Equal<typeof args, { orderId: string; amount: number; currency: string }>>();
    holds<Equal<typeof context.input, { customer: string }>>();
    holds<Equal<keyof typeof context.secrets, 'PAYMENT_KEY' | 'PAYMENT_URL'>>();
    // @ts-expect-error a secret that its toolbox does not declare
    void context.secrets.OTHER_KEY;
    // @ts-expect-error an argument that the schema does not have
    void args.order;
    // The answer is what the output schema takes, not what it makes.
    return { refundId: context.secrets.PAYMENT_KEY, at: context.effectKey };
  },
});
holds<Equal<(typeof refund)['name'], 'refund'>>();

export const lookUp = defineTool({
  name: 'look_up',
  description: 'Look an order up',
  input: z.object({ orderId: z.string() }),
  output: z.object({ total: z.number() }),
  effect: 'read',
  run: async (_, context) => {
    // Without `needs` and toolbox there is nothing to read and no secret.
    holds<Equal<keyof typeof context.input, never>>();
    holds<Equal<keyof typeof context.secrets, never>>();
    return await Promise.resolve({ total: 1 });
  },
});

defineTool({
  name: 'wrong_answer',
  description: '',
  input: z.object({}),
  output: z.object({ total: z.number() }),
  effect: 'read',
  // @ts-expect-error an answer that the output schema refuses
  run: () => ({ total: 'one' }),
});
defineTool({
  name: 'wrong_effect',
  description: '',
  input: z.object({}),
  output: z.string(),
  // @ts-expect-error an effect class that does not exist
  effect: 'sometimes',
  run: () => '',
});
defineTool({
  name: 'no_object',
  description: '',
  // @ts-expect-error arguments are an object, as every provider wants them
  input: z.string(),
  output: z.string(),
  effect: 'read',
  run: () => '',
});
defineTool({
  name: 'wrong_duration',
  description: '',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  // @ts-expect-error not a length of time
  timeout: 'soon',
  run: () => '',
});
defineTool({
  name: 'approved',
  description: '',
  input: z.object({ amount: z.number(), order: z.object({ total: z.number() }) }),
  output: z.string(),
  effect: 'keyed',
  approval: [
    {
      when: [
        { arg: 'amount', above: 1 },
        { arg: 'order.total', above: 1 },
      ],
      by: ['finance', 'cfo'],
      within: '4h',
    },
    // @ts-expect-error an argument that the tool does not have
    { when: { arg: 'price', above: 1 } },
    // @ts-expect-error nothing that can be kept with a release
    { when: () => true },
  ],
  run: () => '',
});
// @ts-expect-error a tool says what a repeat of it would do to the world
defineTool({ name: 'no_effect', description: '', input: z.object({}), output: z.string(), run: () => '' });

export const ship = httpTool({
  name: 'ship',
  toolbox: payments,
  description: 'Ship an order',
  input: z.object({ orderId: z.string(), days: z.number().default(2) }),
  output: z.object({ tracking: z.string() }),
  effect: 'keyed',
  approval: false,
  needs: z.object({ customer: z.string() }),
  method: 'POST',
  hosts: ['api.example.com'],
  url: ({ orderId }, context) => {
    holds<Equal<typeof context.input, { customer: string }>>();
    // @ts-expect-error a URL is shown by logs and errors, so it gets no secret
    void context.secrets;
    return `https://api.example.com/orders/${orderId}`;
  },
  headers: (_, { secrets }) => {
    holds<Equal<keyof typeof secrets, 'PAYMENT_KEY' | 'PAYMENT_URL'>>();
    return { authorization: `Bearer ${secrets.PAYMENT_KEY}` };
  },
  body: (args) => {
    holds<Equal<typeof args, { orderId: string; days: number }>>();
    return { days: args.days };
  },
});
holds<Equal<(typeof ship)['name'], 'ship'>>();
httpTool({
  name: 'wrong_method',
  description: '',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  url: 'https://api.example.com/',
  // @ts-expect-error a method that does not exist
  method: 'SEND',
});
defineAgent({
  name: 'short_of_http_input',
  instructions: '',
  input: z.object({ orderId: z.string() }),
  // @ts-expect-error ship needs `customer`, which this agent is not told
  tools: [ship],
});

export const refunds = defineAgent({
  name: 'refunds',
  mode: 'async',
  model: 'smart',
  instructions: fromFile('./instructions.md'),
  input: z.object({
    orderId: z.string(),
    customer: z.string(),
    photo: fileRef().optional(),
    tries: z.number().default(1),
  }),
  output: z.object({ decision: z.enum(['refunded', 'declined']), refundId: z.string().optional() }),
  tools: [refund, lookUp],
  limits: { turns: 30, tokens: 100_000, wall: '10m' },
});
/** What a caller may write: before defaults. */
interface RefundsInput {
  orderId: string;
  customer: string;
  photo?: FileRef | undefined;
  tries?: number | undefined;
}
holds<Equal<AgentInput<typeof refunds>, RefundsInput>>();
holds<Equal<AgentOutput<typeof refunds>, { decision: 'refunded' | 'declined'; refundId?: string | undefined }>>();
holds<Equal<(typeof refunds)['name'], 'refunds'>>();
holds<Equal<(typeof refunds)['tools'][number]['name'], 'refund' | 'look_up'>>();

export const files = mcpToolbox({
  name: 'files',
  server: { command: 'npx', args: ['some-server'] },
  tools: { read_file: { effect: 'read' }, 'fs.write': { as: 'write_file', effect: 'keyed' } },
});
holds<Equal<NonNullable<(typeof files)['offered']>[number], 'read_file' | 'write_file'>>();
mcpToolbox({
  name: 'wrong',
  server: { url: 'https://mcp.example.com' },
  // @ts-expect-error an effect class that does not exist
  tools: { read_file: { effect: 'sometimes' } },
});
export const clerk = defineAgent({ name: 'clerk', instructions: 'Answer.', tools: [lookUp], toolboxes: [files] });
holds<Equal<(typeof clerk)['tools'][number]['name'], 'look_up'>>();
// @ts-expect-error a toolbox of tools that are written here is named by each of them
defineAgent({ name: 'wrong_toolbox', instructions: '', toolboxes: [payments] });

export const plain = defineAgent({ name: 'plain', instructions: 'Answer.' });
holds<Equal<AgentInput<typeof plain>, string>>();
holds<Equal<AgentOutput<typeof plain>, string>>();
holds<Equal<(typeof plain)['tools'], readonly []>>();

/** Any agent is an agent: where one is passed without its types. */
export const some: AnyAgent[] = [refunds, plain];
const typed: AnyAgent = refunds;
holds<Equal<AgentOutput<typeof typed>, unknown>>();

defineAgent({
  name: 'short_of_input',
  instructions: '',
  input: z.object({ orderId: z.string() }),
  // @ts-expect-error refund needs `customer`, which this agent is not told
  tools: [refund, lookUp],
});
defineAgent({
  name: 'input_of_another_type',
  instructions: '',
  input: z.object({ customer: z.number() }),
  // @ts-expect-error refund needs `customer` as text
  tools: [refund],
});
defineAgent({
  name: 'plain_input',
  instructions: '',
  // @ts-expect-error a plain text has no `customer`
  tools: [refund],
});
defineAgent({
  name: 'optional_input',
  instructions: '',
  input: z.object({ customer: z.string().optional() }),
  // @ts-expect-error what may be absent serves no need
  tools: [refund],
});
const noted = defineTool({
  name: 'noted',
  description: '',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  needs: z.object({ note: z.string().optional() }),
  run: (_, { input }) => input.note ?? '',
});
defineAgent({ name: 'optional_need', instructions: '', input: z.object({ other: z.string() }), tools: [noted] });
defineAgent({
  name: 'optional_need_of_another_type',
  instructions: '',
  input: z.object({ note: z.number() }),
  // @ts-expect-error a note is a text
  tools: [noted],
});
defineAgent({
  name: 'default_input',
  instructions: '',
  input: z.object({ customer: z.string().default('nobody') }),
  // @ts-expect-error the input is stored as the caller wrote it, so a default does not serve a need
  tools: [refund],
});
defineAgent({
  name: 'more_than_enough',
  instructions: '',
  input: z.object({ customer: z.string(), more: z.number() }),
  tools: [refund, lookUp],
});
defineAgent({
  name: 'no_tools',
  instructions: '',
  // @ts-expect-error not a tool
  tools: [{ name: 'refund' }],
});
// @ts-expect-error an input is a text or an object
defineAgent({ name: 'number_input', instructions: '', input: z.number() });
// @ts-expect-error a mode that does not exist
defineAgent({ name: 'wrong_mode', instructions: '', mode: 'eventually' });
// @ts-expect-error a limit that does not exist
defineAgent({ name: 'wrong_limit', instructions: '', limits: { turn: 3 } });
// @ts-expect-error instructions are not optional
defineAgent({ name: 'no_instructions' });

defineConfig({ models: { smart: ['openai/gpt-5-mini'] } });
// @ts-expect-error a misspelled key switches nothing off
defineConfig({ model: {} });
