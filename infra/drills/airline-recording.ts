// One recorded conversation of the airline agent, cut at the customer's messages.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { loadRecordings, playback, type RequestMessage, type Respond } from '../../test/kit';
import { readChatMessages } from '../../test/kit/model-server/read-messages';

/** A message in the OpenAI chat format, as recorded. */
const messageSchema = z.looseObject({ role: z.enum(['user', 'assistant', 'tool']), content: z.string().nullable() });
type RecordedMessage = z.output<typeof messageSchema>;

export interface AirlineRecording {
  /** Where it stands in the file, from 0. */
  index: number;
  label: string;
  messages: RecordedMessage[];
  turns: CustomerTurn[];
}

/** One message of the customer and all that the agent did before it answered. */
export interface CustomerTurn {
  customer: string;
  earlier: RecordedMessage[];
  /** The agent's words to the customer. */
  answer: string;
}

const FILES = ['airline.jsonl', 'airline-policy.md', 'airline-tools.json'];

/** What of the recordings is missing; undefined when all is there. */
export const missingRecording = (folder: string): string | undefined =>
  FILES.map((file) => join(folder, file)).find((file) => !existsSync(file));

const lineSchema = z.object({ success: z.boolean() });

/** Of the conversations that ended as the customer wanted, and with words, the one with the most tool calls. */
export function chooseRecording(folder: string): AirlineRecording {
  const file = join(folder, 'airline.jsonl');
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const succeeded = lines.map((line) => lineSchema.parse(JSON.parse(line)).success);
  const candidates = loadRecordings(file)
    .map(({ label, messages }, index) => ({ index, label, messages: z.array(messageSchema).parse(messages) }))
    .filter(({ index, messages }) => succeeded[index] && messages.at(-1)?.role === 'user')
    .sort((a, b) => toolCalls(b.messages) - toolCalls(a.messages));
  const [chosen] = candidates;
  if (!chosen) throw new Error(`${file} holds no conversation that ended well.`);
  return { ...chosen, turns: turnsOf(chosen.messages) };
}

const toolCalls = (messages: readonly RecordedMessage[]): number =>
  messages.filter(({ role }) => role === 'tool').length;

function turnsOf(messages: RecordedMessage[]): CustomerTurn[] {
  return messages.flatMap(({ role, content }, at) => {
    if (role !== 'user') return [];
    const next = messages.findIndex((message, later) => later > at && message.role === 'user');
    const answer = messages.slice(at + 1, next === -1 ? undefined : next).at(-1);
    // The customer's last word is answered by nobody.
    if (answer?.role !== 'assistant') return [];
    return [{ customer: content ?? '', earlier: messages.slice(0, at), answer: answer.content ?? '' }];
  });
}

const firstSchema = z.object({ earlier: z.array(messageSchema), customer: z.string() });

/**
 * Answers as recorded, and only if the conversation until then is the recorded one: what the run was given as earlier
 * messages, then the customer's, then what the run did itself.
 */
export function respondAsRecorded({ label, messages }: AirlineRecording): Respond {
  const play = playback([{ label, messages }]);
  return (request) => {
    const [first, ...since] = request.messages.filter(({ role }) => role !== 'system');
    const { earlier, customer } = firstSchema.parse(JSON.parse(first?.text ?? ''));
    const before: RequestMessage[] = readChatMessages([...earlier, { role: 'user', content: customer }]);
    return play({ ...request, messages: [...before, ...since] });
  };
}
