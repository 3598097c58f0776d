// The built-in tool that gives pruned and summed-up messages back, word for word.
import { z } from 'zod';
import type { JsonValue, Message } from '../../workflows/contract/message';
import { RECALL_TOOL } from '../../workflows/contract/names';
import type { ToolManifest } from '../../workflows/contract/release';
import { ToolRejection } from '../define/tool';
import { renderParts, speakerOf, wholeCharacters } from './render-message';

/** One reply, its own directions included: some 8,000 tokens of English. */
export const RECALL_CHARS = 32_000;
/** Left for the directions at the end of a page, which repeat a search of SEARCH_CHARS that JSON may write six times as long. */
const DIRECTIONS_CHARS = 1_500;
const SEARCH_CHARS = 200;
/** Around a hit, on each side. */
const SNIPPET_CHARS = 120;
/** Of one message: it can be read whole. */
const HITS_PER_MESSAGE = 3;

const position = z.number().int().nonnegative();

export const recallInput = z.strictObject({
  message: position.exactOptional().describe('Position of one message.'),
  from: position.exactOptional().describe('Position of the first message of a range. Goes with "to".'),
  to: position.exactOptional().describe('Position of the last message of a range, included. Goes with "from".'),
  search: z
    .string()
    .max(SEARCH_CHARS)
    .exactOptional()
    .describe('Words to look for in all messages, exactly as written but for upper and lower case.'),
  offset: position.exactOptional().describe('Characters of the answer to leave out, to read on in a long one.'),
});
export type RecallInput = z.output<typeof recallInput>;

export const recallManifest: ToolManifest = {
  name: RECALL_TOOL,
  description:
    'Reads earlier messages of this conversation again, word for word, that were removed or summarised to save space. ' +
    'Give exactly one of: "message" (one message by its position), "from" and "to" (a range), or "search" (finds the messages that ' +
    'contain a text, with their positions). Use it when you need an exact value, such as an identifier, an amount or a date, that a ' +
    'summary or a placeholder does not show. It changes nothing.',
  input: manifestInput(),
};

function manifestInput(): { [key: string]: JsonValue } {
  const { $schema: _, ...schema } = z.toJSONSchema(recallInput, { io: 'input' });
  return z.record(z.string(), z.json()).parse(schema);
}

/**
 * @param args as the model wrote them
 * @param originals all original messages of the conversation, as `expand` gives them, by position
 * @param visible positions that the model still reads word for word, see `visiblePositions`
 * @returns at most RECALL_CHARS UTF-16 units, and at their end how to read on
 * @throws ToolRejection that tells the model how to ask
 */
export function recall(args: unknown, originals: readonly Message[], visible: ReadonlySet<number>): string {
  const { success, data, error } = recallInput.safeParse(args);
  if (!success) {
    const [issue] = error.issues;
    throw new ToolRejection(`recall: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}. ${HOW_TO_ASK}`);
  }
  const { offset = 0, ...question } = data;
  return page(answer(question, originals, visible), question, offset);
}

const HOW_TO_ASK =
  'Give exactly one of: {"message": 17}, {"from": 3, "to": 9} or {"search": "text"}; and "offset" only to read on in a long answer.';

type Question = Omit<RecallInput, 'offset'>;

function answer(
  { message, from, to, search }: Question,
  originals: readonly Message[],
  visible: ReadonlySet<number>,
): string {
  const isRange = from !== undefined || to !== undefined;
  if ([message !== undefined, isRange, search !== undefined].filter(Boolean).length !== 1) {
    throw new ToolRejection(`recall takes one question at a time. ${HOW_TO_ASK}`);
  }
  if (search !== undefined) return find(search, originals, visible);
  const [first, last] = [message ?? from, message ?? to];
  if (first === undefined || last === undefined) throw new ToolRejection(`A range has both ends. ${HOW_TO_ASK}`);
  if (first > last) throw new ToolRejection(`"from" is ${first} and "to" is ${last}: the smaller one comes first.`);
  if (last >= originals.length) {
    throw new ToolRejection(`There is no message ${last}: positions go from 0 to ${originals.length - 1}.`);
  }
  return originals
    .slice(first, last + 1)
    .map((original, nth) => `${headline(original, first + nth, visible)}\n${renderParts(original)}`)
    .join('\n\n');
}

function headline(message: Message, at: number, visible: ReadonlySet<number>): string {
  return `--- message ${at}, ${speakerOf(message)}${visible.has(at) ? ', still in the conversation' : ''} ---`;
}

function find(search: string, originals: readonly Message[], visible: ReadonlySet<number>): string {
  const wanted = search.trim();
  if (wanted === '') throw new ToolRejection(`"search" is empty. ${HOW_TO_ASK}`);
  // Not lower case on both sides: that changes the length of some letters, and the places would be wrong.
  const pattern = new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'giu');
  const found = originals.flatMap((message, at) => {
    const text = searchable(message);
    const hits = snippets(text, pattern);
    return hits.length === 0 ? [] : [`${headline(message, at, visible)}\n${hits.join('\n')}`];
  });
  if (found.length === 0) {
    return (
      `No message contains ${JSON.stringify(wanted)}. Try a shorter or another text, ` +
      `or read a range: positions go from 0 to ${originals.length - 1}.`
    );
  }
  const count = found.length === 1 ? '1 message contains' : `${found.length} messages contain`;
  return `${count} ${JSON.stringify(wanted)}. Read one whole with {"message": <position>}.\n\n${found.join('\n\n')}`;
}

/** Not what recall itself was asked and said: every search would find the question, and the same words again. */
function searchable(message: Message): string {
  if (message.role === 'tool') return message.name === RECALL_TOOL ? '' : renderParts(message);
  if (message.role === 'user') return renderParts(message);
  return renderParts({
    ...message,
    parts: message.parts.filter((part) => part.type !== 'tool-call' || part.name !== RECALL_TOOL),
  });
}

function snippets(text: string, pattern: RegExp): string[] {
  const found: string[] = [];
  let hits = 0;
  let end = 0;
  for (const { index, 0: hit } of text.matchAll(pattern)) {
    hits += 1;
    // A hit that the snippet before already shows.
    if (index < end || found.length === HITS_PER_MESSAGE) continue;
    const from = wholeCharacters(text, Math.max(0, index - SNIPPET_CHARS));
    end = wholeCharacters(text, Math.min(text.length, index + hit.length + SNIPPET_CHARS));
    found.push(`${from > 0 ? '…' : ''}${text.slice(from, end)}${end < text.length ? '…' : ''}`);
  }
  return hits > found.length ? [...found, `(${hits} places in this message)`] : found;
}

function page(text: string, question: Question, offset: number): string {
  if (offset > 0 && offset >= text.length) {
    throw new ToolRejection(`The answer has ${text.length} characters: "offset" ${offset} is behind its end.`);
  }
  if (offset === 0 && text.length <= RECALL_CHARS) return text;
  const from = wholeCharacters(text, offset);
  const end = wholeCharacters(text, Math.min(text.length, from + RECALL_CHARS - DIRECTIONS_CHARS));
  const shown = `[characters ${from} to ${end} of ${text.length}`;
  const rest =
    end < text.length ? `; read on with recall(${JSON.stringify({ ...question, offset: end })})]` : ', the end]';
  return `${text.slice(from, end)}\n${shown}${rest}`;
}
