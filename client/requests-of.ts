// What a run has asked people, with who decided what and why: from the store, so that it is there when Temporal has forgotten the run.
import { z } from 'zod';
import { allRefs, createConversation, previewOf, type ContentStore } from '../activities/store';
import { requestsOfFirst, saidOfFirst } from '../activities/store/ref-names';
import { orWhy } from '../activities/store/why-unreadable';
import type { PersonRequest } from '../workflows/contract/approval';
import { requestRecordSchema, type RequestRecord } from '../workflows/contract/schemas/approval';
import { argumentsOf } from './run-requests';
import { questionLine } from './question-line';

export interface AskedOfRun extends Pick<PersonRequest, 'number' | 'kind' | 'turn' | 'call' | 'tool' | 'askedAt'> {
  question: string;
  /** Why it is asked again: what was wrong with the decision before. */
  again: string | null;
  /** Milliseconds since the epoch: its run has ended, and nobody had answered. */
  withdrawnAt: number | null;
  /** Its `arguments` where they were edited, its `output` where it replaces one: as stored, in JSON; in brackets why it cannot be read. */
  decision: (NonNullable<RequestRecord['decision']> & { arguments?: string; output?: string }) | null;
}

/** @param store as the run's tenant sees it */
export async function requestsOf(store: ContentStore, firstRunId: string): Promise<AskedOfRun[]> {
  const records = (await allRefs(store, requestsOfFirst(firstRunId))).flatMap(
    ({ value }) => requestRecordSchema.safeParse(value).data ?? [],
  );
  return await Promise.all(
    records.map(async ({ request, decision, withdrawnAt }) => {
      const { got: args = request.preview } = await orWhy(argumentsOf(store, request));
      const edited = await textOf(store, decision?.edited);
      const replaced = await textOf(store, decision?.result);
      return {
        ...{ number: request.number, kind: request.kind, turn: request.turn, call: request.call },
        ...{ tool: request.tool, askedAt: request.askedAt },
        question: questionLine({ ...request, arguments: args }),
        again: request.again ?? null,
        withdrawnAt: withdrawnAt ?? null,
        decision: decision
          ? {
              ...decision,
              ...(edited === undefined ? {} : { arguments: edited }),
              ...(replaced === undefined ? {} : { output: replaced }),
            }
          : null,
      };
    }),
  );
}

const saidSchema = z.object({ message: z.string(), at: z.number() });

/** What people have said to it on its way, with the beginning of each, oldest first. */
export async function saidTo(store: ContentStore, firstRunId: string): Promise<{ at: number; text: string }[]> {
  const said = (await allRefs(store, saidOfFirst(firstRunId))).flatMap(
    ({ value }) => saidSchema.safeParse(value).data ?? [],
  );
  const conversation = createConversation(store);
  const told = await Promise.all(
    said.map(async ({ at, message: hash }) => {
      const { got: [message] = [], why = 'it is no message' } = await orWhy(conversation.messages([hash]));
      return { at, text: message ? previewOf(message) : unread(why) };
    }),
  );
  return told.sort((a, b) => a.at - b.at);
}

async function textOf(store: ContentStore, name: string | undefined): Promise<string | undefined> {
  if (name === undefined) return undefined;
  const { got, why } = await orWhy(store.get([name]));
  return got ? new TextDecoder().decode(got[0]) : unread(why);
}

const unread = (why: string): string => `(cannot be read: ${why})`;

const SAID = { approve: 'approved', deny: 'denied', replace: 'replaced' } as const;

/** On one line. */
export const askedLine = (asked: AskedOfRun): string => `${asked.number} ${asked.question}: ${decisionText(asked)}`;

/** Who decided what, and why; and where a decision before did not count, why that did not. */
export const decisionText = (asked: AskedOfRun): string =>
  `${decidedText(asked)}${asked.again === null ? '' : `; asked again: ${asked.again}`}`;

function decidedText({ decision, withdrawnAt }: AskedOfRun): string {
  if (!decision) return withdrawnAt === null ? 'nobody has answered' : 'withdrawn, the run has ended';
  const { verdict, verified, signed, byDefault, remember, arguments: args, output, reason } = decision;
  const by = verified ? `by ${signed?.by ?? ''} (signed)` : signed ? 'with a signature that does not fit' : 'unsigned';
  const given = args ?? output;
  const edited = given === undefined ? '' : `, with ${given}`;
  const remembered = remember ? ', remembered' : '';
  const why = reason === undefined || byDefault ? '' : `: ${reason}`;
  return `${SAID[verdict]} ${byDefault ? 'because nobody answered' : by}${edited}${remembered}${why}`;
}
