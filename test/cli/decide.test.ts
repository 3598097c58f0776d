// Needs a Temporal server (embedded, real): what whoever answers a run at a prompt is told, where the call is refused a moment later too.
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { approveCommand, denyCommand, replaceCommand } from '../../client/cli/commands/decide';
import { showCommand } from '../../client/cli/commands/show';
import type { CliContext } from '../../client/cli/context';
import { errorLine, exitCodeOfError } from '../../client/cli/exit-codes';
import { useStack } from '../stack/use-stack';
import { testProject, told } from './given';

const paid: unknown[] = [];
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  // That no more than 100 is paid no JSON Schema says.
  input: z.object({ amount: z.number().refine((amount) => amount <= 100, 'no more than 100') }),
  output: z.object({ receipt: z.string() }),
  effect: 'keyed',
  retry: { attempts: 1 },
  onFailure: 'escalate',
  run: ({ amount }) => {
    if (amount === 13) throw new Error('the bank is superstitious');
    paid.push(amount);
    return { receipt: `for ${amount}` };
  },
});
const agent = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [pay] });

const on = useStack(
  {
    respond: ({ assistantTurns, messages }) =>
      assistantTurns === 0
        ? { calls: [{ name: 'pay', args: { amount: Number(messages.findLast(({ role }) => role === 'user')?.text) } }] }
        : { text: 'done' },
  },
  { agents: [agent] },
);
const project = testProject();
afterAll(() => project.remove());
beforeEach(() => void paid.splice(0));

async function asking(id: string, amount: string) {
  const run = await on.stack.client.agent<typeof agent>('payer').start(amount, { id });
  for (let tries = 0; tries < 200 && (await run.requests().catch(() => [])).length === 0; tries += 1) await after(50);
  return run;
}

/** As main.ts says it. */
async function said(command: (context: CliContext) => Promise<number>) {
  let error: unknown;
  const env = {
    TEMPORAL_ADDRESS: on.stack.server.address,
    LONGHAUL_STORE: `lmdb:${path.join(on.stack.stateDir, 'store')}`,
  };
  const { code, stdout, stderr } = await told(
    project.dir,
    (context) =>
      command(context).catch((thrown: unknown) => {
        error = thrown;
        return exitCodeOfError(thrown);
      }),
    { env },
  );
  return { code, said: [stdout, stderr, error === undefined ? '' : errorLine(error)].join('').trim() };
}

test('arguments that only the tool itself can refuse: it is told that they were refused, and what asks now', async () => {
  const run = await asking('edited', '5');
  expect(await said((context) => approveCommand(context, 'edited', 1, { args: '{"amount":500}' }))).toEqual({
    code: 1,
    said: expect.stringMatching(
      /^request 1 was refused where the call is made: .*no more than 100.* It is asked again, as request 2\.$/,
    ) as string,
  });
  expect(paid).toEqual([]);
  expect(await said((context) => approveCommand(context, 'edited', 2, { args: '{"amount":50}' }))).toEqual({
    code: 0,
    said: 'edited  2  approved with {"amount":50}: pay {"amount":5}',
  });
  expect(paid).toEqual([50]);
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
}, 60_000);

test('a result in a wrong shape is told to be refused, and one that fits ends the question', async () => {
  const run = await asking('by-hand', '13');
  expect(await said((context) => approveCommand(context, 'by-hand', 1, {}))).toMatchObject({
    code: 0,
    said: expect.stringContaining('the bank is superstitious; it is asked again, as request 2.') as string,
  });
  expect(await said((context) => replaceCommand(context, 'by-hand', 2, { result: '17' }))).toMatchObject({
    code: 1,
    said: expect.stringMatching(/^request 2 was refused .*wrong shape.* It is asked again, as request 3\.$/) as string,
  });
  expect(await said((context) => replaceCommand(context, 'by-hand', 3, { result: '{"receipt":"r"}' }))).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^by-hand {2}3 {2}replaced: pay \{"amount":13\} has failed/) as string,
  });
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  const shown = await said((context) => showCommand(context, 'by-hand', {}));
  expect(shown.said).toMatch(/^asked +2 .*: replaced unsigned, with 17$/m);
  expect(shown.said).toMatch(
    /^asked +3 .*: replaced unsigned, with \{"receipt":"r"\}; asked again: pay: the result has a wrong shape/m,
  );
}, 60_000);

test('an answer in a file that is not there is refused by the name of the file', async () => {
  const run = await asking('nowhere', '5');
  expect(await said((context) => approveCommand(context, 'nowhere', 1, { args: '@nowhere.json' }))).toMatchObject({
    code: 2,
    said: expect.stringMatching(/^--args @nowhere\.json cannot be read: ENOENT/) as string,
  });
  expect(await said((context) => approveCommand(context, 'nowhere', 1, { args: '{amount}' }))).toMatchObject({
    code: 2,
    said: expect.stringMatching(/^--args is not JSON: ./) as string,
  });
  expect(await said((context) => approveCommand(context, 'nowhere', 1, { remember: true }))).toMatchObject({ code: 0 });
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  const shown = await said((context) => showCommand(context, 'nowhere', {}));
  expect(shown.said).toMatch(/^asked +1 .*: approved unsigned, remembered$/m);
}, 60_000);

test('a reason that is too long is told before anything is sent', async () => {
  const run = await asking('wordy', '5');
  const reason = 'x'.repeat(501);
  for (const command of [approveCommand, denyCommand])
    expect(await said((context) => command(context, 'wordy', 1, { reason }))).toEqual({
      code: 2,
      said: 'a reason has at most 500 characters: this one has 501.',
    });
  await expect(run.deny(1, { reason })).rejects.toThrow('a reason has at most 500 characters');
  const [shown] = await run.requests();
  expect(shown).toMatchObject({ number: 1 });
  // What was looked at is what is answered.
  if (shown)
    await expect(run.approve({ ...shown, args: '0'.repeat(64) })).rejects.toThrow(
      'request 1 is about another call by now: look at it again.',
    );
  expect(await said((context) => denyCommand(context, 'wordy', 1, { reason: 'no' }))).toMatchObject({ code: 0 });
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
}, 60_000);
