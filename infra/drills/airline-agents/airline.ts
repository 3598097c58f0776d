// The airline agent of the recordings: its policy and its 14 tools as they were, each tool answering what it answered then.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineAgent, defineTool, ToolRejection } from 'longhaul';
import { z } from 'zod';

/** Set by the demonstration. */
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
      tool_call_id: z.string().optional(),
    }),
  ),
});
const recordings = read('airline.jsonl')
  .split('\n')
  .filter(Boolean)
  .map((line) => lineSchema.parse(JSON.parse(line)).messages);

const message = z.looseObject({ role: z.string(), content: z.string().nullable() });
const needs = z.object({
  /** Line of the recording, from 0. */
  recording: z.number(),
  earlier: z.array(message),
});

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

/** What the tool said when it was called with these arguments, in this part of the conversation. */
function recordedResult(name: string, args: object, { recording, earlier }: z.output<typeof needs>): string {
  const since = recordings[recording]?.slice(earlier.length) ?? [];
  const call = since
    .flatMap(({ tool_calls: calls }) => calls ?? [])
    .find((one) => one.function.name === name && asText(JSON.parse(one.function.arguments)) === asText(args));
  const answer = since.find((one) => call !== undefined && one.tool_call_id === call.id);
  if (typeof answer?.content !== 'string') throw new ToolRejection(`${name} was not called so in the recording.`);
  return answer.content;
}

const tools = definitions.map(({ function: { name, description, parameters } }) =>
  defineTool({
    name,
    description,
    input: z.fromJSONSchema(parameters) as z.ZodObject,
    output: z.string(),
    effect: 'read',
    needs,
    run: (args, { input }) => recordedResult(name, args, input),
  }),
);

export const airline = defineAgent({
  name: 'airline',
  description: 'Plays what an airline support agent did in a recorded conversation.',
  instructions: read('airline-policy.md'),
  input: z.object({ recording: z.number(), earlier: z.array(message), customer: z.string() }),
  tools,
});
