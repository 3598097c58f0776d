// The agent of the benchmark of many runs, and its release: the same in whoever starts runs and in the worker processes.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import { manifestFor } from '../stack/manifest-for';

const look = defineTool({
  name: 'look',
  description: 'Looks something up.',
  // Another number each time: the same question would be a loop.
  input: z.object({ number: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ number }) => `page ${number}`,
});
/** More than any form of the benchmark takes. */
const TURNS_MOST = 100;
export const walker = defineAgent({
  name: 'walker',
  instructions: 'Look at page after page.',
  tools: [look],
  limits: { turns: TURNS_MOST, toolCalls: TURNS_MOST },
});
export const walkerRelease = (): LoadedAgent => manifestFor(walker, 'test/model');
