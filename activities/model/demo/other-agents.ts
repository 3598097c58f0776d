// Agents that do not search files: a tool is called once where the input plainly fits it, and its answer is passed on.
import type { ToolSpec } from '../provider';
import { isObject, type Conversation, type DoneCall, type JsonObject } from './conversation';
import { asText, type PlannedCall } from './plan';
import { fits } from './schema-value';
import { stem } from './stem';
import { wordsOf } from './terms';

/** What the model may say of an input that it can do nothing with. */
const SHOWN_CHARS = 300;

/** One call, or none: nothing is guessed that the input does not say. */
export function planOther(conversation: Conversation, tools: readonly ToolSpec[]): PlannedCall | undefined {
  if (conversation.turns.length > 0) return undefined;
  for (const tool of tools) {
    const ready = namedArguments(tool, conversation.fields);
    if (ready) return { name: tool.name, arguments: ready };
  }
  const text = conversation.question.trim();
  if (text === '') return undefined;
  const simple = tools.filter((tool) => onlyText(tool) !== undefined);
  const fitting = tools.length === 1 ? simple[0] : simple.find((tool) => isAbout(tool, text));
  const argument = fitting && onlyText(fitting);
  return fitting && argument !== undefined ? { name: fitting.name, arguments: { [argument]: text } } : undefined;
}

const propertiesOf = (tool: ToolSpec): JsonObject =>
  isObject(tool.input['properties']) ? tool.input['properties'] : {};
const requiredOf = (tool: ToolSpec): string[] =>
  Array.isArray(tool.input['required']) ? tool.input['required'].filter((name) => typeof name === 'string') : [];

function namedArguments(tool: ToolSpec, fields: JsonObject): JsonObject | undefined {
  const properties = propertiesOf(tool);
  const required = requiredOf(tool);
  const ready: JsonObject = {};
  for (const [name, schema] of Object.entries(properties)) {
    const value = fields[name];
    if (value !== undefined && isObject(schema) && fits(value, schema)) ready[name] = value;
    else if (required.includes(name)) return undefined;
  }
  return Object.keys(ready).length > 0 ? ready : undefined;
}

/** The tool's one required argument, where that is a text. */
function onlyText(tool: ToolSpec): string | undefined {
  const [name, ...others] = requiredOf(tool);
  const schema = name === undefined ? undefined : propertiesOf(tool)[name];
  return others.length === 0 && isObject(schema) && schema['type'] === 'string' && !('enum' in schema)
    ? name
    : undefined;
}

function isAbout(tool: ToolSpec, text: string): boolean {
  const words = wordsOf(text).map(stem);
  return wordsOf(tool.name)
    .map(stem)
    .some((word) => words.includes(word));
}

/** The last tool's answer in its own words, or what there was to work with. */
export function answerOther({ question, turns }: Conversation, tools: readonly ToolSpec[]): string {
  const last = turns.at(-1)?.at(-1);
  if (last) return last.ok ? shownOutput(last) : `${last.name} did not work: ${asText(last.output)}`;
  const asked = question.trim().replace(/\s+/g, ' ');
  const cut = asked.length > SHOWN_CHARS ? `${asked.slice(0, SHOWN_CHARS)}…` : asked;
  const why =
    tools.length > 1
      ? `it cannot choose between the tools ${tools.map(({ name }) => `\`${name}\``).join(', ')}. Set OPENAI_API_KEY for a real one.`
      : 'it can search and quote, and nothing here lets it search.';
  return `The demo model has no language model behind it: ${why} It was given: ${cut || 'nothing'}`;
}

/** A text as it is; of an object with one value, that value. */
function shownOutput({ output }: DoneCall): string {
  if (isObject(output)) {
    const [only, ...others] = Object.values(output);
    if (others.length === 0 && typeof only === 'string') return only;
  }
  return asText(output);
}
