// The airline agent of the recordings, once for each of them: a persistent agent with its policy and its 14 tools as they were, each tool
// answering what it answered then. The caller's ids of the messages are m0, m1 and so on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineAgent, defineTool, ToolRejection } from 'longhaul';
import { z } from 'zod';

/** Set by the drill. */
const folder = join(process.env['LONGHAUL_SHARED'] ?? '', 'trajectories');
const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

const definitions = z
  .array(
    z.object({
      function: z.object({ name: z.string(), description: z.string(), parameters: z.record(z.string(), z.json()) }),
    }),
  )
  .parse(JSON.parse(read('airline-tools.json')));

const callSchema = z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.string() }) });
const lineSchema = z.object({
  messages: z.array(
    z.looseObject({
      role: z.string(),
      content: z.string().nullable(),
      tool_calls: z.array(callSchema).nullish(),
    }),
  ),
});
type Recorded = z.output<typeof lineSchema>['messages'];
const recordings = read('airline.jsonl')
  .split('\n')
  .filter(Boolean)
  .map((line) => lineSchema.parse(JSON.parse(line)).messages);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!(value instanceof Object)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}
const asText = (value: unknown): string => JSON.stringify(sorted(value));

/** What was said and done after the customer's message of this number, from 0. */
function partOf(messages: Recorded, turn: number): Recorded {
  const starts = messages.flatMap(({ role }, at) => (role === 'user' ? [at] : []));
  return messages.slice(starts[turn] ?? messages.length, starts[turn + 1]);
}

/** What the tool said when it was called with these arguments, in this part of the conversation. */
function recordedResult(messages: Recorded, { name, args, run }: { name: string; args: object; run: string }): string {
  const part = partOf(messages, Number(/m(\d+)$/.exec(run)?.[1]));
  const at = part.findIndex(({ tool_calls: calls }) =>
    calls?.some((call) => call.function.name === name && asText(JSON.parse(call.function.arguments)) === asText(args)),
  );
  const answer = at === -1 ? undefined : part[at + 1];
  if (typeof answer?.content !== 'string') throw new ToolRejection(`${name} was not called so in the recording.`);
  return answer.content;
}

const agents = recordings.map((messages, index) =>
  defineAgent({
    name: `airline-${index}`,
    description: 'Plays what an airline support agent did in a recorded conversation.',
    mode: 'session',
    // They repeat calls that failed, and nobody told them so.
    loops: false,
    instructions: `${read('airline-policy.md')}\n(recording ${index})`,
    tools: definitions.map(({ function: { name, description, parameters } }) =>
      defineTool({
        ...{ name, description, output: z.string(), effect: 'read' },
        input: z.fromJSONSchema(parameters) as z.ZodObject,
        run: (args, { run }) => recordedResult(messages, { name, args, run: run.id }),
      }),
    ),
  }),
);

// As many as there are recordings, so that none of them is exported by a name of its own.
Object.assign(module.exports as object, Object.fromEntries(agents.map((agent, at) => [`airline${at}`, agent])));
