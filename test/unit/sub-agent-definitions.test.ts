// Needs: nothing but Node. Agents as tools: how they are defined, and what is refused.
import { z } from 'zod';
import { agentTool, defineAgent, defineTool, type AnyAgent } from '../../activities/define';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { manifestFor } from '../stack/manifest-for';

const agent = (name: string, more: object = {}) =>
  defineAgent({ name, description: `The ${name}.`, instructions: name, ...more });
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'seen',
});
const write = defineTool({
  name: 'write',
  description: 'Writes.',
  input: z.object({}),
  output: z.string(),
  effect: 'idempotent',
  run: () => 'written',
});

describe('a definition', () => {
  test('is a tool with the name, the description and the schemas of the agent', () => {
    const tool = agentTool(agent('reader'));
    expect(tool).toMatchObject({ name: 'reader', description: 'The reader.', toolbox: undefined, approval: undefined });
    expect(tool.input.safeParse({ input: 'a page' }).success).toBe(true);
    const input = z.object({ page: z.number() });
    expect(agentTool(agent('reader', { input })).input).toBe(input);
  });

  test('runs beside others where all that it can do is read, unless it says otherwise', () => {
    const plan = (one: AnyAgent, options = {}) => agentTool(one, {}, options).plan;
    const reader = agent('reader', { tools: [look] });
    expect(plan(reader)).toMatchObject({ effect: 'idempotent', isIndependent: true });
    expect(plan(agent('writer', { tools: [look, write] }))).not.toHaveProperty('isIndependent');
    expect(plan(agent('lead', { tools: [agentTool(reader)] }))).toMatchObject({ isIndependent: true });
    expect(plan(reader, { independent: false })).not.toHaveProperty('isIndependent');
    expect(plan(agent('writer', { tools: [write] }), { independent: true })).toMatchObject({ isIndependent: true });
  });

  test.each<[string, () => unknown, string]>([
    ['no agent', () => agentTool(undefined as never), 'agentTool takes an agent, as defineAgent returns it'],
    [
      'no description',
      () => agentTool(defineAgent({ name: 'a', instructions: 'x' })),
      'agentTool a: the agent needs a description: it is what the model reads of it.',
    ],
    [
      'an unknown limit',
      () => agentTool(agent('a'), { euros: 1 } as never),
      'agentTool a: limits: "euros" is not known.',
    ],
    ['a limit of nothing', () => agentTool(agent('a'), { tokens: 0 }), 'agentTool a: limits.tokens must be a whole'],
    [
      'a toolbox',
      () => agentTool(agent('a'), {}, { toolbox: {} } as never),
      'agentTool a: "toolbox" is not known. Known: onFailure, approval, independent.',
    ],
    [
      'itself',
      () => agent('a', { tools: [agentTool(agent('b', { tools: [agentTool(agent('a'))] }))] }),
      'agent a: it is a tool of itself (a → b → a): its runs would have no end.',
    ],
    [
      'too many in a row',
      () => ['b', 'c', 'd', 'e', 'f'].reduce((below, name) => agent(name, { tools: [agentTool(below)] }), agent('a')),
      'agent f: sub-agents may be 5 deep, and these are deeper: f → e → d → c → b → a.',
    ],
    [
      'as its fallback another agent',
      () => {
        const input = z.object({});
        const fallback = [agentTool(agent('a', { input }))];
        return defineTool({
          name: 'x',
          description: 'x',
          input,
          output: z.string(),
          effect: 'read',
          fallback,
          run: () => '',
        } as never);
      },
      'its fallback a is an agent, which a fallback cannot be.',
    ],
  ])('that has %s is refused in one line', (_, define, says) => {
    expect(define).toThrow(says);
  });

  test('whose release comes back from the store has the pin of the sub-agent', () => {
    const { manifest } = manifestFor(
      agent('lead', { tools: [agentTool(agent('reader'), { turns: 2, wall: '1m' })] }),
      'a/b',
    );
    expect(releaseManifestSchema.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest);
    expect(manifest.plan.tools['reader']?.agent).toMatchObject({
      name: 'reader',
      limits: { turns: 2, wallMs: 60_000 },
    });
  });
});
