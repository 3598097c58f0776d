// Records one history per path through the workflows of runs, sessions, queues, webhooks and the watch, on the code of today, into histories/. Run by hand when a path
// is new: `npm run record:histories -- DATE`. A path that is kept already is never recorded again: it stands for what is out there.
import { z } from 'zod';
import { agentTool, defineAgent, defineTool } from '../../activities/define';
import { subRunsOf } from '../../activities/store/ref-names';
import { script, startModelServer, type ModelServer, type Script } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { keepHistory } from './keep-history';
import { recordMoves } from './record-moves';
import { recordQueues } from './record-queues';
import { recordRollouts } from './record-rollouts';
import { recordSessions } from './record-sessions';
import { recordWatch } from './record-watch';
import { recordWebhooks } from './record-webhooks';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.object({ seen: z.string() }),
  effect: 'read',
  run: ({ at }) => {
    if (at === 'nothing') throw new Error('there is nothing');
    return { seen: at };
  },
  retry: { attempts: 1 },
});
const write = defineTool({
  name: 'write',
  description: 'Writes.',
  input: z.object({ text: z.string() }),
  output: z.object({ written: z.boolean() }),
  effect: 'idempotent',
  run: () => ({ written: true }),
});
const hold = defineTool({
  name: 'hold',
  description: 'Holds for a moment.',
  input: z.object({}),
  output: z.object({ held: z.boolean() }),
  effect: 'read',
  run: async (_, { signal }) => {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, 1_500);
      signal.addEventListener('abort', () => (clearTimeout(timer), reject(new Error('aborted'))), { once: true });
    });
    return { held: true };
  },
});
/** Done when it is asked for the third time. */
let asked = 0;
const render = defineTool({
  name: 'render',
  description: 'Renders.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  poll: { started: z.string(), every: '1s', upTo: '1h', check: () => ((asked += 1) < 3 ? undefined : 'rendered') },
  run: () => 'job',
});
const director = defineAgent({ name: 'director', instructions: 'Look.', tools: [look, render] });
const agent = defineAgent({
  name: 'recorded',
  instructions: 'Look.',
  tools: [look, write, hold],
  limits: { turns: 40 },
});
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.string(),
  effect: 'keyed',
  run: () => 'paid',
});
const payer = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [look, pay], limits: { turns: 3 } });
const forgetful = defineAgent({
  name: 'forgetful',
  instructions: 'Look.',
  tools: [look],
  context: {
    prune: { when: { messages: 6 }, keepLast: 1, freeAtLeast: 0 },
    compact: { when: { messages: 8 }, keepLast: 2 },
  },
});
const scout = defineAgent({ name: 'scout', description: 'Looks.', instructions: 'scout', tools: [look] });
const captain = defineAgent({
  name: 'captain',
  instructions: 'captain',
  tools: [look, agentTool(scout, {}, { independent: true })],
});
const brief = defineAgent({ name: 'brief', instructions: 'Look.', tools: [look], limits: { turns: 1 } });

const keep = (stack: TestStack, id: string, path: string, date: string): Promise<void> =>
  keepHistory(stack, id, `agent-run-${path}`, date);

async function recordWaiting(model: ModelServer, date: string): Promise<void> {
  // So short that the wait falls to the next execution.
  const short = await startTestStack({
    agents: [agent, director],
    modelUrl: model.url,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 14 },
  });
  const calls = [
    { name: 'look', args: { at: 'a' } },
    { name: 'render', args: {} },
  ];
  model.setScript(script().calls(calls).answer('seen'));
  await (await short.client.agent<typeof director>('director').start('render', { id: 'film' })).result();
  await keep(short, 'film', 'polled-tool', date);
  model.setScript(script().answer('late'));
  model.addFaults({ when: { nth: 1 }, do: { status: 429, retryAfter: 7 } });
  model.addFaults({ when: { nth: 2 }, do: { status: 429, retryAfter: 7 } });
  await (await short.client.agent<typeof agent>('recorded').start('look around', { id: 'patient' })).result();
  await keep(short, 'patient', 'continued-while-waiting', date);
  await short.close();
}

/** Two side by side, then one that gives no answer; and one that is cancelled with what waits for it. */
async function recordSubAgents(model: ModelServer, date: string): Promise<void> {
  const stack = await startTestStack({ agents: [scout, captain], modelUrl: model.url });
  const scouts = (...inputs: string[]) => inputs.map((input) => ({ name: 'scout', args: { input } }));
  const say = (lead: Script, below: Script): void =>
    model.setRespond(({ messages }) => (messages[0]?.text.startsWith('captain') ? lead : below));
  const start = (id: string) => stack.client.agent<typeof captain>('captain').start('look around', { id });
  say(
    script().calls(scouts('left', 'right')).call('look', { at: 'a' }).answer('seen'),
    script().call('look', { at: 'b' }).answer('a tree'),
  );
  await (await start('scouting')).result();
  await keep(stack, 'scouting', 'sub-agents', date);
  const [below] = await stack.store.listRefs(subRunsOf('scouting'));
  await keep(stack, below?.name.split('/').at(-1) ?? '', 'of-a-sub-agent', date);

  say(script().calls(scouts('left')).answer('unseen'), script().refuse('no').refuse('no').refuse('no'));
  await (await start('lost')).result();
  await keep(stack, 'lost', 'sub-agent-without-an-answer', date);

  say(script().calls(scouts('left')), script().call('look', { at: 'b' }));
  model.addFaults({ when: { nth: model.requests().length + 2 }, do: { hold: 'scout' } });
  const requests = model.counts().requests;
  const cancelled = await start('called-back');
  await model.until((counts) => counts.requests >= requests + 2);
  await cancelled.cancel('enough');
  await cancelled.result();
  await keep(stack, 'called-back', 'sub-agent-cancelled', date);
  await stack.close();
}

async function recordPeople(model: ModelServer, date: string): Promise<void> {
  const stack = await startTestStack({ agents: [payer], modelUrl: model.url });
  model.setScript(script().call('pay', { amount: 5 }).call('pay', { amount: 7 }).answer('paid').answer('and told'));
  const run = await stack.client.agent<typeof payer>('payer').start('pay', { id: 'asking' });
  const asked = async (number: number): Promise<void> => {
    while (!(await run.requests()).some((one) => one.number === number))
      await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await asked(1);
  await run.steer('tell me what you do');
  await run.extend({ turns: 2 });
  await run.approve(1);
  await asked(2);
  await run.deny(2, { reason: 'once is enough' });
  await run.result();
  await keep(stack, 'asking', 'asked-steered-and-extended', date);
  await stack.close();
}

/** Each with a stack of its own. */
const OTHERS = [
  ...[recordSubAgents, recordPeople, recordSessions, recordQueues],
  ...[recordWebhooks, recordWatch, recordMoves, recordRollouts],
];

async function main(date: string): Promise<void> {
  const model = await startModelServer({ script: script() });
  const stack = await startTestStack({
    agents: [agent, brief, forgetful],
    modelUrl: model.url,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 120 },
  });
  const start = (id: string) => stack.client.agent<typeof agent>('recorded').start('look around', { id });
  const status = async (id: string, wanted: string): Promise<void> => {
    while ((await stack.client.run(id).progress()).steps.at(-1)?.label !== wanted)
      await new Promise((resolve) => setTimeout(resolve, 50));
  };

  model.setScript(
    script()
      .calls([
        { name: 'look', args: { at: 'a' } },
        { name: 'look', args: { at: 'b' } },
        { name: 'write', args: { text: 'c' } },
      ])
      .call('look', { at: 'nothing' })
      .call('nonsense', {})
      .answer('seen'),
  );
  await (await start('tools')).result();
  await keep(stack, 'tools', 'parallel-tools-and-failures', date);

  model.setScript(script().empty().refuse('no').empty());
  await (await start('repairs')).result();
  await keep(stack, 'repairs', 'repairs-spent', date);

  model.setScript(script().call('look', { at: 'a' }).call('look', { at: 'b' }));
  await (await stack.client.agent<typeof brief>('brief').start('look', { id: 'budget' })).result();
  await keep(stack, 'budget', 'turns-exhausted', date);

  model.setScript(script().call('hold', {}).answer('held'));
  const paused = await start('paused');
  await status('paused', 'hold {}');
  await paused.pause('wait');
  while ((await paused.progress()).status !== 'waiting' && (await paused.progress()).status !== 'paused')
    await new Promise((resolve) => setTimeout(resolve, 50));
  await paused.resume();
  await paused.result();
  await keep(stack, 'paused', 'paused-and-resumed', date);

  const cancelled = await start('cancelled');
  await status('cancelled', 'hold {}');
  await cancelled.cancel('enough');
  await cancelled.result();
  await keep(stack, 'cancelled', 'cancelled-with-a-reason', date);

  const plain = await start('plainly-cancelled');
  await status('plainly-cancelled', 'hold {}');
  await stack.temporal.workflow.getHandle('plainly-cancelled').cancel();
  await plain.result();
  await keep(stack, 'plainly-cancelled', 'cancelled-by-temporal', date);

  model.setScript(
    Array.from({ length: 14 }, (_, at) => at)
      .reduce((turns, at) => turns.call('look', { at: `page ${at}` }), script())
      .answer('read'),
  );
  await (await start('long')).result();
  await keep(stack, 'long', 'continued-as-new', date);

  model.setScript(script().answer('late'));
  model.addFaults({ when: { nth: 1 }, do: { status: 429, retryAfter: 7 } });
  await (await start('waiting')).result();
  await keep(stack, 'waiting', 'provider-asks-for-patience', date);

  const long = Array.from({ length: 300 }, (_, at) => `word ${at}`).join(' ');
  model.setScript(
    ['a', 'b', 'c', 'd']
      .reduce((turns, at) => turns.call('look', { at: `${at} ${long}` }), script())
      .answer('Four places were looked at.')
      .call('recall', { message: 2 })
      .answer('a'),
    'arrival',
  );
  await (await stack.client.agent<typeof forgetful>('forgetful').start('look', { id: 'edited' })).result();
  await keep(stack, 'edited', 'pruned-compacted-and-recalled', date);
  await stack.close();
  await recordWaiting(model, date);
  model.clearFaults();
  for (const record of OTHERS) await record(model, date);
  await model.close();
}

const date = process.argv.at(-1) ?? '';
if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) throw new Error('usage: npm run record:histories -- YYYY-MM-DD');
void main(date).then(() => process.exit(0));
