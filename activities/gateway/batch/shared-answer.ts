// What one answer says to each of the tasks that it is for. Pure.
import { z } from 'zod';
import type { JsonValue } from '../../../workflows/contract/message';
import type { ALONE_REASONS } from '../../../workflows/contract/schemas/call-record';
import { textOf, unfenced } from '../../judge-answer';
import type { ModelResponse } from '../../model/provider';

export type AloneReason = (typeof ALONE_REASONS)[number];
export type TaskAnswer = { answer: JsonValue } | { alone: AloneReason };

const envelope = z.union([z.object({ answers: z.array(z.unknown()) }), z.array(z.unknown())]);
const entry = z.object({ item: z.number(), answer: z.json() });

/** @returns one for each number from 1, in their order: an entry that is unusable leaves the others as they are */
export function answersOf({ message, finish }: ModelResponse, tasks: number): TaskAnswer[] {
  const entries = finish === 'stop' && !message.refused ? entriesOf(textOf(message)) : undefined;
  return Array.from({ length: tasks }, (_, at): TaskAnswer => {
    if (!entries) return { alone: 'no-answer' };
    const [found, ...others] = entries.filter(({ item }) => item === at + 1);
    if (!found) return { alone: 'missing' };
    // Which of them is meant is not known.
    return others.length > 0 ? { alone: 'duplicated' } : { answer: found.answer };
  });
}

function entriesOf(text: string): z.output<typeof entry>[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(unfenced(text));
  } catch {
    return undefined;
  }
  const found = envelope.safeParse(json);
  if (!found.success) return undefined;
  const list = Array.isArray(found.data) ? found.data : found.data.answers;
  return list.flatMap((one) => {
    const parsed = entry.safeParse(one);
    return parsed.success ? [parsed.data] : [];
  });
}
