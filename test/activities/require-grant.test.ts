// Needs: nothing. What a release grants, where.
import { defineAgent, defineTool, defineToolbox } from '../../activities/define';
import { requireGrant } from '../../activities/require-grant';
import { z } from 'zod';
import { manifestFor } from '../stack/manifest-for';

const tool = (name: string, toolbox?: string) =>
  defineTool({
    ...{ name, description: 'x', input: z.object({}), output: z.string(), effect: 'read', run: () => '' },
    ...(toolbox === undefined ? {} : { toolbox: defineToolbox({ name: toolbox }) }),
  });
const agent = defineAgent({ name: 'desk', instructions: 'x', tools: [tool('pay', 'payments'), tool('look')] });
/** As it was made before toolboxes had processes: its plan does not say where they are. */
const { manifest: before, release } = manifestFor(agent, 'test/model');
const { pay, ...others } = before.plan.tools;
const now = {
  ...before,
  plan: { ...before.plan, tools: { ...others, ...(pay ? { pay: { ...pay, toolbox: 'payments' } } : {}) } },
};

test.each([
  ['a tool in the process of its toolbox', now, 'pay', 'payments', true],
  ['a tool without a toolbox where the runs are', now, 'look', undefined, true],
  [
    'the built-in tool, and one that there is not: what becomes of it is said elsewhere',
    now,
    'recall',
    undefined,
    true,
  ],
  ['a tool of a toolbox where the runs are, of a release of before', before, 'pay', undefined, true],
  ['the same, of a release of now', now, 'pay', undefined, false],
  ['a tool of another toolbox', now, 'pay', 'mail', false],
  ['a tool without a toolbox in one', now, 'look', 'payments', false],
  ['what is no tool at all', now, 'constructor', 'payments', false],
  ['what is no tool at all, where the runs are', now, 'constructor', undefined, true],
])('%s', (_, manifest, name, toolbox, granted) => {
  const ask = (): void => requireGrant(manifest, { name, release }, toolbox);
  if (granted) expect(ask).not.toThrow();
  else expect(ask).toThrow(expect.objectContaining({ type: 'Tool.NotGranted', nonRetryable: true }));
});
