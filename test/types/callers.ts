// Checked by the compiler alone: what callers and tests of an agent are typed by. The agent is imported as a type where a caller would.
import { script, testAgent, type TestResult } from 'longhaul/testing';
import type { AgentClient } from 'longhaul/client';
import { clerk, plain, refund, refunds } from './definitions';
import type { refunds as remote } from './definitions';
import type { JsonValue } from '../../workflows/contract/message';
import { holds, type Equal } from './equal';

interface RefundsOutput {
  decision: 'refunded' | 'declined';
  refundId?: string | undefined;
}

/** Never called: the compiler is the test. */
export async function client(longhaul: AgentClient): Promise<void> {
  const agent = longhaul.agent<typeof remote>('refunds');
  const run = await agent.start({ orderId: 'A-88', customer: 'c1' }, { id: 'refund-A-88', tenant: 'acme', user: 'u7' });
  const result = await run.result();
  if (result.outcome === 'completed') holds<Equal<typeof result.output, RefundsOutput>>();
  else holds<Equal<typeof result.failure.message, string>>();
  // @ts-expect-error only a completed run has an output
  void result.output;

  // @ts-expect-error another agent's name
  longhaul.agent<typeof remote>('refund');
  // @ts-expect-error a text where the agent takes an object
  await agent.start('A-88');
  // @ts-expect-error `customer` is missing
  await agent.start({ orderId: 'A-88' });
  // @ts-expect-error a file is given as a reference
  await agent.start({ orderId: 'A-88', customer: 'c1', photo: 'photo.png' });
  await longhaul.agent<typeof plain>('plain').start('What is this?');
  // @ts-expect-error this agent takes a text
  await longhaul.agent<typeof plain>('plain').start({ question: 'What is this?' });
}

/** Never called: the compiler is the test. */
export async function tests(): Promise<void> {
  const t = testAgent(refunds, {
    model: script()
      .call(refund, { orderId: 'A-88', amount: '180' })
      // @ts-expect-error `orderId` is a text
      .call(refund, { orderId: 88, amount: 180 })
      .answer({ decision: 'refunded' }),
    tools: {
      refund: (args, context) => {
        holds<Equal<typeof args, { orderId: string; amount: number; currency: string }>>();
        holds<Equal<typeof context.input, { customer: string }>>();
        // @ts-expect-error a replaced tool gets no secret
        void context.secrets;
        context.test.pause();
        return { refundId: 'r1', at: 'now' };
      },
      look_up: async ({ orderId }) => Promise.resolve({ total: orderId.length }),
    },
  });
  const run = await t.start({ orderId: 'A-88', customer: 'c1' });
  const result = await run.result();
  holds<Equal<typeof result, TestResult<RefundsOutput>>>();
  if (result.outcome === 'completed') holds<Equal<typeof result.output, RefundsOutput>>();
  for (const call of run.calls) {
    if (call.kind === 'model') holds<Equal<typeof call.instructions, string>>();
    else if (call.tool === 'look_up') holds<Equal<typeof call.args, { orderId: string }>>();
    else holds<Equal<typeof call.tool, 'refund'>>();
  }

  // @ts-expect-error `customer` is missing
  await t.start({ orderId: 'A-88' });
  testAgent(refunds, {
    model: script(),
    tools: {
      // @ts-expect-error no tool of this agent
      refnd: () => ({ refundId: 'r1', at: '' }),
    },
  });
  testAgent(refunds, {
    model: script(),
    tools: {
      // @ts-expect-error an answer that the tool's output refuses
      refund: () => ({ refundId: 1, at: '' }),
    },
  });
  testAgent(plain, {
    model: script(),
    tools: {
      // @ts-expect-error this agent has no tools
      refund: () => ({ refundId: 'r1', at: '' }),
    },
  });
  testAgent(clerk, {
    model: script(),
    tools: {
      look_up: ({ orderId }) => ({ total: orderId.length }),
      write_file: (args, context) => {
        holds<Equal<(typeof args)[string], JsonValue>>();
        return context.effectKey;
      },
    },
  });
  testAgent(clerk, {
    model: script(),
    tools: {
      // @ts-expect-error the model calls it by another name
      'fs.write': () => '',
    },
  });
  testAgent(plain, { model: script().answer('done') });
  // @ts-expect-error a model is needed: a script, or a function
  testAgent(plain, {});
  testAgent(plain, {
    // @ts-expect-error a failure that is not the model's
    model: () => ({ fails: 'Tool.Failed' }),
  });
}
