// The newest turns of a conversation as they were, whatever was pruned and summed up since: what loops are looked for in.
import { objectHash, canonicalJson } from '../store/canonical-json';
import type { AssistantMessage, Message, ToolCallPart } from '../../workflows/contract/message';
import type { ToolPlan } from '../../workflows/contract/run';
import { coveredBy, originalOf, type OriginalEntry } from '../store/original-messages';

/** One answer with tool calls, and what they gave. */
export interface Turn {
  calls: TurnCall[];
}

export interface TurnCall {
  name: string;
  /** Equal where the same tool gave the same arguments the same result. */
  same: string;
  /** Equal where nothing came of it that had not come before. */
  news: string;
}

/**
 * The end of a conversation that holds so many turns, or all since somebody last said something: who says something new may want the same
 * calls once more. Of a summary it is what the summary stands for, and of that no more than is needed.
 * @param loadChain a stored conversation by its head, oldest first
 */
export async function newestEntries(
  entries: readonly OriginalEntry[],
  turns: number,
  loadChain: (head: string) => Promise<readonly OriginalEntry[]>,
): Promise<OriginalEntry[]> {
  let newest: OriginalEntry[] = [];
  let left = turns;
  for (const entry of [...entries].reverse()) {
    const covers = coveredBy(entry.message);
    const these = covers
      ? await newestEntries((await loadChain(covers.head)).slice(covers.from, covers.to), left, loadChain)
      : [entry];
    newest = [...these, ...newest];
    left -= these.filter(({ message }) => asksTools(message)).length;
    if (left <= 0 || these.some(({ message }) => isOfSomebody(message))) break;
  }
  return newest;
}

/**
 * @param entries as `newestEntries` gives them
 * @param plans of the agent's tools, by name
 * @returns oldest first; none where the model has spoken since: what it has read was looked at when it read it
 */
export function unreadTurns(
  entries: readonly OriginalEntry[],
  plans: { readonly [name: string]: Pick<ToolPlan, 'effect' | 'repeats'> },
): Turn[] {
  const begin = entries.findLastIndex(({ message }) => isOfSomebody(message)) + 1;
  const since = entries.slice(begin);
  const asking = since.flatMap(({ message }, at) => (asksTools(message) ? [{ message, at }] : []));
  if (asking.at(-1)?.at !== since.findLastIndex(({ message }) => message.role === 'assistant')) return [];
  return asking.map(({ message, at }, nth) => {
    const results = resultsOf(since.slice(at + 1, asking[nth + 1]?.at));
    return {
      calls: callsOf(message).map((call) =>
        turnCall(call, results.get(call.call) ?? '', { plan: planOf(plans, call.name), turn: begin + at }),
      ),
    };
  });
}

/** @param turn an action that is a new one each time is that of its turn alone */
function turnCall(
  call: ToolCallPart,
  result: string,
  { plan, turn }: { plan: Pick<ToolPlan, 'effect' | 'repeats'> | undefined; turn: number },
): TurnCall {
  const { name, arguments: given } = call;
  const isNewEachTime = plan?.repeats === 'new-action';
  const same = objectHash(canonicalJson([name, given, result, ...(isNewEachTime ? [turn, call.call] : [])]));
  // What changes the world is progress with other arguments, though it may always say "done". What reads it is progress by what it says.
  return { name, same, news: plan === undefined || plan.effect === 'read' ? result : same };
}

const planOf = <P>(plans: { readonly [name: string]: P }, name: string): P | undefined =>
  Object.hasOwn(plans, name) ? plans[name] : undefined;

/** By the call's number. A placeholder is the message that it stands for. */
const resultsOf = (entries: readonly OriginalEntry[]): Map<number, string> =>
  new Map(
    entries.flatMap(({ message, hash }) =>
      message.role === 'tool' ? [[message.call, originalOf(message) ?? hash] as const] : [],
    ),
  );

const callsOf = ({ parts }: AssistantMessage): ToolCallPart[] => parts.filter((part) => part.type === 'tool-call');

const asksTools = (message: Message): message is AssistantMessage =>
  message.role === 'assistant' && callsOf(message).length > 0;

const isOfSomebody = (message: Message): boolean => message.role === 'user' && message.from !== 'runtime';
