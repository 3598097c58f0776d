// The recorded conversations of the airline agent: what a model server says of them, and whether a session's transcript is one of them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { loadRecordings, playback, type Respond } from '../../test/kit';
import type { Message } from '../../workflows/contract/message';

const callSchema = z.looseObject({ function: z.looseObject({ name: z.string(), arguments: z.string() }) });
/** A message in the OpenAI chat format, as recorded. */
const messageSchema = z.looseObject({
  role: z.enum(['user', 'assistant', 'tool']),
  content: z.string().nullable(),
  tool_calls: z.array(callSchema).nullish(),
});
type RecordedMessage = z.output<typeof messageSchema>;

export interface AirlineRecording {
  /** Where it stands in the file, from 0. */
  index: number;
  label: string;
  messages: RecordedMessage[];
  turns: CustomerTurn[];
}

export interface CustomerTurn {
  customer: string;
  /** The agent's words to the customer. Absent where the recording ends before there are any. */
  answer?: string;
}

const FILES = ['airline.jsonl', 'airline-policy.md', 'airline-tools.json'];

/** What of the recordings is missing; undefined when all is there. */
export const missingRecording = (folder: string): string | undefined =>
  FILES.map((file) => join(folder, file)).find((file) => !existsSync(file));

export const allRecordings = (folder: string): AirlineRecording[] =>
  loadRecordings(join(folder, 'airline.jsonl')).map(({ label, messages }, index) => {
    const read = z.array(messageSchema).parse(messages);
    return { index, label, messages: read, turns: turnsOf(read) };
  });

const lineSchema = z.object({ success: z.boolean() });

/** Of the conversations that ended as the customer wanted, and with words, the one with the most tool calls. */
export function chooseRecording(folder: string): AirlineRecording {
  const file = join(folder, 'airline.jsonl');
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const succeeded = lines.map((line) => lineSchema.parse(JSON.parse(line)).success);
  const [chosen] = allRecordings(folder)
    .filter(({ index, messages }) => succeeded[index] && messages.at(-1)?.role === 'user')
    .sort((a, b) => toolCalls(b.messages) - toolCalls(a.messages));
  if (!chosen) throw new Error(`${file} holds no conversation that ended well.`);
  return chosen;
}

const toolCalls = (messages: readonly RecordedMessage[]): number =>
  messages.filter(({ role }) => role === 'tool').length;

function turnsOf(messages: readonly RecordedMessage[]): CustomerTurn[] {
  return messages.flatMap(({ role, content }, at) => {
    if (role !== 'user') return [];
    const next = messages.findIndex((message, later) => later > at && message.role === 'user');
    const last = messages.slice(at + 1, next === -1 ? undefined : next).at(-1);
    const answer = last?.role === 'assistant' && !last.tool_calls ? (last.content ?? '') : undefined;
    return [{ customer: content ?? '', ...(answer === undefined ? {} : { answer }) }];
  });
}

/** As the agents of infra/drills/airline-agents end their instructions, so that recordings which begin alike are told apart. */
const RECORDING_LINE = /\(recording (\d+)\)/;

/**
 * Answers as recorded, and only if the conversation until then is the recorded one. What was answered by nobody is answered by nobody here:
 * the request waits until it is cancelled.
 * @param onOver told when such a request arrives
 */
export function respondAsRecorded(
  recordings: readonly AirlineRecording[],
  onOver: (recording: number) => void = () => undefined,
): Respond {
  const plays = new Map(recordings.map(({ index, label, messages }) => [index, playback([{ label, messages }])]));
  const lengths = new Map(recordings.map(({ index, messages }) => [index, messages.length]));
  return async (request) => {
    const system = request.messages.find(({ role }) => role === 'system')?.text ?? '';
    const index = Number(RECORDING_LINE.exec(system)?.[1]);
    const play = plays.get(index);
    if (!play) throw new Error('the request is of no recording.');
    const said = request.messages.filter(({ role }) => role !== 'system').length;
    if (said !== lengths.get(index)) return await play(request);
    onOver(index);
    return await new Promise<never>(() => undefined);
  };
}

/** @returns where a transcript differs from the recording, in words; undefined where it is the same, message for message */
export function differenceFrom({ messages }: AirlineRecording, transcript: readonly Message[]): string | undefined {
  const [recorded, said] = [messages.map(asRecorded), transcript.map(asSaid)];
  const at = recorded.findIndex((message, nth) => message !== said[nth]);
  if (at === -1 && said.length === recorded.length) return undefined;
  const where = at === -1 ? recorded.length : at;
  return `message ${where} of ${recorded.length} is ${recorded[where] ?? 'none'}, and here ${said[where] ?? 'none'}`;
}

const asRecorded = ({ role, content, tool_calls: calls }: RecordedMessage): string =>
  JSON.stringify([
    role,
    content ?? '',
    (calls ?? []).map((call) => [call.function.name, sorted(JSON.parse(call.function.arguments))]),
  ]);

const asSaid = ({ role, parts }: Message): string =>
  JSON.stringify([
    role,
    parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n'),
    parts.flatMap((part) => (part.type === 'tool-call' ? [[part.name, sorted(part.arguments)]] : [])),
  ]);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!(value instanceof Object)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}
