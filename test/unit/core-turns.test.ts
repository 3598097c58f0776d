// How many turns of the microtasks lie between what comes back to a run and what it does next. Where two things come back with one task
// of the workflow, the order of their commands follows from it, and old histories hold that order. The kept ones replay all the same: so a
// change of these numbers is a change of the workflow, and needs `patched`.
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { script, testAgent, type Script } from 'longhaul/testing';
import type * as testEnvironment from '../kit/test-environment';
import type { RunEnvironment } from '../../workflows/core/environment';

const mockSeen: string[] = [];
let mockTurn = 0;

/** Begins to count: to be called in the task in which something comes back. */
async function mockCount(): Promise<void> {
  for (mockTurn = 0; mockTurn < 60; mockTurn += 1) await Promise.resolve();
}

// The environment of every test of the core, with a note of when each call is made. What comes back comes in a task of its own.
jest.mock('../kit/test-environment', () => {
  const actual = jest.requireActual<typeof testEnvironment>('../kit/test-environment');
  const noted =
    <Args extends unknown[], Result>(name: string, make: (...args: Args) => Promise<Result>) =>
    (...args: Args): Promise<Result> => {
      mockSeen.push(`${mockTurn} ${name}`);
      return new Promise((resolve, reject) => {
        const settle = async (come: () => void): Promise<void> => {
          await actual.soon();
          void mockCount();
          come();
        };
        make(...args).then(
          (result) => void settle(() => resolve(result)),
          (error: Error) => void settle(() => reject(error)),
        );
      });
    };
  return {
    ...actual,
    createTestEnvironment: (options: testEnvironment.TestEnvironmentOptions) => {
      const made = actual.createTestEnvironment(options);
      const { callModel, callTool, endRun } = made.run;
      const run: RunEnvironment = {
        ...made.run,
        callModel: noted('callModel', callModel),
        callTool: noted('callTool', callTool),
        endRun: noted('endRun', endRun),
      };
      return { ...made, run };
    },
  };
});

const read = defineTool({
  name: 'read',
  description: 'read',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'read',
});
const agent = defineAgent({ name: 'reader', instructions: 'Read.', tools: [read] });
const call = { name: 'read', args: {} };

test.each<[string, Script, string[]]>([
  ['one call', script([{ calls: [call] }]).answer('done'), ['0 callModel', '5 callTool', '10 callModel', '5 endRun']],
  [
    'two calls at once',
    script([{ calls: [call, call] }]).answer('done'),
    ['0 callModel', '5 callTool', '5 callTool', '12 callModel', '5 endRun'],
  ],
])('a run with %s', async (_, model, turns) => {
  [mockSeen.length, mockTurn] = [0, 0];
  const run = await testAgent(agent, { model }).start('Read.');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(mockSeen).toEqual(turns);
});
