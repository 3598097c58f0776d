// What a summary keeps of recorded conversations: of the booking references, user ids and amounts that later turns use, how many the summary
// has, and how many only `recall` gives back. Without a model at hand two stand-ins write the summary, which bound what one would do: one that
// copies identifiers and amounts as the prompt asks, one that takes the first words of each message.
import { loadRecordings } from '../kit';
import { readChatMessages } from '../kit/model-server/read-messages';
import { tokenCounter } from '../../activities/context/count-tokens';
import { measureAll } from '../../activities/context/measure';
import { planCompact } from '../../activities/context/plan-compact';
import { planPrune } from '../../activities/context/plan-prune';
import { recall } from '../../activities/context/recall';
import { renderParts } from '../../activities/context/render-message';
import { renderRange, SUMMARY_PROMPT, summaryMessage, summaryRequest } from '../../activities/context/summary-prompt';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import { encodeMessage, objectHash } from '../../activities/store';
import { visiblePositions } from '../../activities/store/original-messages';
import type { ContextPlan } from '../../workflows/contract/context';
import type { JsonValue, Message } from '../../workflows/contract/message';

export interface CompactionFigures {
  summariser: string;
  conversations: number;
  /** Facts of what was summed up that later turns use and the messages left do not show. */
  needed: number;
  inSummary: number;
  byRecall: number;
  lost: number;
  /** Tokens of the ranges, and of the summaries in their places. */
  before: number;
  after: number;
}

export interface PlaceholderFigures {
  placeholders: number;
  /** What a placeholder names, given to `recall`, brought the whole result back. */
  recalled: number;
}

type Summariser = (transcript: string) => Promise<string>;

/** References of bookings, ids of users, reservations' payment methods, and amounts of three digits and more. */
const FACTS = [
  /\b(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{6}\b/g,
  /\b[a-z]+_[a-z]+_\d{4}\b/g,
  /\b[a-z]+_\d{7}\b/g,
  /\$\d[\d,]*\b|\b\d{3,5}\b(?=[^\d-]|$)/g,
];
const factsIn = (text: string): Set<string> =>
  new Set(FACTS.flatMap((pattern) => text.match(pattern) ?? []).map((fact) => fact.replace(/^\$/, '')));

const counter = tokenCounter('gpt-4o');
const PLAN: ContextPlan = {
  prune: { when: [{ messages: 1 }], keepLast: 2, except: [], freeAtLeast: 0 },
  compact: { when: [{ messages: 1 }], keepLast: 6, prompt: SUMMARY_PROMPT },
};
const FRAME = { instructions: '', tools: [] };

/** Facts first, as the prompt asks, and nothing else. */
const copied: Summariser = (transcript) => Promise.resolve(`Facts: ${[...factsIn(transcript)].join(', ')}`);
/** The shortest that still looks like a summary. */
const firstWords: Summariser = (transcript) =>
  Promise.resolve(
    transcript
      .split(/^--- /m)
      .map((part) => part.slice(0, 160).replaceAll('\n', ' '))
      .join('\n'),
  );

/** A real one, where the environment names it: LONGHAUL_BENCH_MODEL, OPENAI_API_KEY, OPENAI_BASE_URL. */
function asked(model: string): Summariser {
  const provider = createOpenAiProvider({
    name: 'bench',
    apiKey: process.env['OPENAI_API_KEY'] ?? '',
    ...(process.env['OPENAI_BASE_URL'] === undefined ? {} : { baseUrl: process.env['OPENAI_BASE_URL'] }),
    api: 'chat',
  });
  return async (transcript) => {
    const { message } = await provider.generate(
      {
        model,
        instructions: SUMMARY_PROMPT.text,
        messages: [summaryRequest(transcript)],
        tools: [],
        parameters: {},
        rawItems: new Map<number, JsonValue>(),
        loadFile: () => Promise.resolve(new Uint8Array()),
      },
      { signal: new AbortController().signal },
    );
    return renderParts(message);
  };
}

function recorded(file: string): Message[][] {
  return loadRecordings(file).map(({ messages }) => {
    const open = new Map<string, { call: number; name: string }>();
    return readChatMessages(messages).flatMap(({ role, text, calls, callId }): Message[] => {
      if (role === 'system') return [];
      if (role === 'user') return [{ role, parts: [{ type: 'text', text }] }];
      if (role === 'tool') {
        const { call, name } = open.get(callId ?? '') ?? { call: 0, name: 'unknown' };
        return [{ role, call, name, outcome: 'ok', parts: [{ type: 'text', text }] }];
      }
      calls.forEach(({ id, name }, call) => open.set(id, { call, name }));
      const parts = calls.map(({ name, arguments: written }, call) => ({
        type: 'tool-call' as const,
        call,
        name,
        arguments: JSON.parse(written) as { [key: string]: JsonValue },
      }));
      return [{ role: 'assistant', parts: [...(text === '' ? [] : [{ type: 'text' as const, text }]), ...parts] }];
    });
  });
}

const entriesOf = (messages: readonly Message[]) =>
  measureAll(
    messages.map((message) => ({ message, hash: objectHash(encodeMessage(message)) })),
    { frame: FRAME, counter },
  );

export async function compactionFigures(file: string, most: number): Promise<CompactionFigures[]> {
  const conversations = recorded(file).slice(0, most);
  const model = process.env['LONGHAUL_BENCH_MODEL'];
  const summarisers: [string, Summariser][] = [
    ['copies facts', copied],
    ['first words', firstWords],
    ...(model === undefined ? [] : [[model, asked(model)] as [string, Summariser]]),
  ];
  const figures: CompactionFigures[] = [];
  for (const [summariser, summarise] of summarisers) {
    const sum = { summariser, conversations: 0, needed: 0, inSummary: 0, byRecall: 0, lost: 0, before: 0, after: 0 };
    for (const messages of conversations) await addConversation(sum, messages, summarise);
    figures.push(sum);
  }
  return figures;
}

/** Cut in its middle: the first half is what the agent had when the summary was made, the second is what it went on to say and do. */
async function addConversation(
  sum: CompactionFigures,
  messages: readonly Message[],
  summarise: Summariser,
): Promise<void> {
  const half = messages.slice(0, Math.ceil(messages.length / 2));
  const measured = entriesOf(half);
  const range = planCompact(measured, PLAN);
  if (!range) return;
  const summed = half.slice(range.from, range.to);
  const text = await summarise(renderRange(summed, range.first));
  const covers = { head: '', from: range.from, to: range.to, messages: range.last - range.first + 1 };
  const summary = summaryMessage(text, covers, range.first);
  const left = [...half.slice(0, range.from), summary, ...half.slice(range.to)];
  const shown = factsIn([...half.slice(0, range.from), ...half.slice(range.to)].map(renderParts).join('\n'));
  const gone = factsIn(summed.map(renderParts).join('\n'));
  // The agent's own words and calls: what the customer says anew, it need not remember.
  const later = factsIn(
    messages
      .slice(half.length)
      .filter(({ role }) => role === 'assistant')
      .map(renderParts)
      .join('\n'),
  );
  const needed = [...later].filter((fact) => gone.has(fact) && !shown.has(fact));
  const kept = renderParts(summary);
  const missing = needed.filter((fact) => !kept.includes(fact));
  const visible = visiblePositions(left);
  const found = missing.filter((fact) => !recall({ search: fact }, half, visible).startsWith('No message contains'));
  sum.conversations += 1;
  sum.needed += needed.length;
  sum.inSummary += needed.length - missing.length;
  sum.byRecall += found.length;
  sum.lost += missing.length - found.length;
  sum.before += range.tokens;
  sum.after += counter.count(summary);
}

export function placeholderFigures(file: string, most: number): PlaceholderFigures {
  const figures = { placeholders: 0, recalled: 0 };
  for (const messages of recorded(file).slice(0, most)) {
    const edit = planPrune(entriesOf(messages), PLAN, (message) => counter.count(message));
    const edited = [...messages];
    for (const { at, placeholder } of edit?.results ?? []) edited[at] = placeholder;
    for (const { at, placeholder } of edit?.results ?? []) {
      figures.placeholders += 1;
      const [, args = 'null'] = /recall\((\{.*?\})\)/.exec(renderParts(placeholder)) ?? [];
      const original = messages[at];
      const whole = original ? renderParts(original) : '';
      if (recall(JSON.parse(args), messages, visiblePositions(edited)).includes(whole)) figures.recalled += 1;
    }
  }
  return figures;
}
