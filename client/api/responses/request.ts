// What a client of OpenAI's Responses API sends, as far as an agent can do it. The agent has its own instructions, tools and parameters: what would
// change them is refused by name, so that nobody believes to have set it.
import { z } from 'zod';
import { TAG_CHARS } from '../../../workflows/contract/limits';
import { Problem } from '../problem';

/** As OpenAI documents it. */
const METADATA_PAIRS_MAX = 16;

const textPart = z.strictObject({ type: z.literal('input_text'), text: z.string() });
const message = z.strictObject({
  type: z.literal('message').exactOptional(),
  role: z.literal('user', {
    error: 'only what the user says is taken: name what was said before by previous_response_id',
  }),
  content: z.union([z.string(), z.array(textPart).min(1)], { error: 'it is a text, or a list of input_text' }),
});

/** Tags show them, so that a retrieved response has them too. */
const metadata = z
  .record(z.string().regex(/^[^=]+$/, 'a key has no "="'), z.string())
  .refine(
    (pairs) =>
      Object.keys(pairs).length <= METADATA_PAIRS_MAX &&
      Object.entries(pairs).every(([key, value]) => key.length + value.length < TAG_CHARS),
    `at most ${METADATA_PAIRS_MAX} pairs, each of fewer than ${TAG_CHARS} characters together`,
  );

/** What changes nothing is taken: clients send it of themselves. */
const asIs = {
  store: z.literal(true, { error: 'every response is kept' }).nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  truncation: z.literal('disabled').nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  tool_choice: z.literal('auto').nullish(),
  tools: z.array(z.unknown()).max(0, 'the agent has its own tools').nullish(),
  include: z.array(z.unknown()).max(0).nullish(),
  text: z.strictObject({ format: z.strictObject({ type: z.literal('text') }).exactOptional() }).nullish(),
  stream_options: z.looseObject({}).nullish(),
  safety_identifier: z.string().nullish(),
};

export const responseRequestShape = z.strictObject({
  model: z.string().min(1).describe('Name of the agent.'),
  input: z
    .union([z.string().min(1, 'it is empty'), z.array(message).min(1, 'it is empty')], {
      error: 'it is a text, or a list of messages of the user',
    })
    .describe("What the user says: JSON, as a text, where the agent's input is JSON."),
  previous_response_id: z.string().nullish().describe('The conversation of that response goes on.'),
  stream: z.boolean().nullish(),
  background: z.boolean().nullish().describe('Answered at once; the response is retrieved.'),
  metadata: metadata.nullish(),
  user: z.string().min(1).max(200).nullish(),
  ...asIs,
});
export type ResponseRequest = z.output<typeof responseRequestShape>;

export function textOf({ input }: ResponseRequest): string {
  if (typeof input === 'string') return input;
  return input
    .flatMap(({ content }) => (typeof content === 'string' ? [content] : content.map(({ text }) => text)))
    .join('\n\n');
}

/** @param schema of the agent's input; absent where that is a text @throws Problem `Api.Invalid` */
export function inputOf(request: ResponseRequest, schema: unknown): unknown {
  const text = textOf(request);
  if (schema === undefined) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    const where = `/v1/agents/${encodeURIComponent(request.model)}`;
    throw new Problem('Api.Invalid', `agent ${request.model} takes JSON: its schema is at ${where}.`, {
      errors: [{ pointer: '/input', detail: `it is no JSON: the schema is at ${where}` }],
      cause: error,
    });
  }
}

export const tagsOf = ({ metadata: pairs }: ResponseRequest): string[] =>
  Object.entries(pairs ?? {}).map(([key, value]) => `${key}=${value}`);

export const metadataOf = (tags: readonly string[]): { [key: string]: string } =>
  Object.fromEntries(
    tags.flatMap((tag) => {
      const at = tag.indexOf('=');
      return at > 0 ? [[tag.slice(0, at), tag.slice(at + 1)]] : [];
    }),
  );
