// Sessions as the API shows them, and what is said to them.
import { z } from 'zod';
import { SESSION_ID_CHARS, SESSION_MESSAGE_ID_CHARS } from '../../workflows/contract/limits';
import { OUTCOMES } from '../../workflows/contract/run';
import { ON_BUSY } from '../../workflows/contract/session';
import { count, inPath, jsonSchema, label, ms, webhookShape } from './shapes';

const STATUSES = ['open', 'idle', 'answering', 'paused', 'retiring', 'asleep', 'retired'] as const;
const STATES = ['answering', 'waiting', 'later', 'joined', 'answered'] as const;
/** A number beyond it is no time that a clock shows. */
const TIME_MAX = 8_640_000_000_000_000;

export const sessionIdShape = z.strictObject({ id: z.string().min(1).describe('Of the session.') });
export const messageIdShape = z.strictObject({ ...sessionIdShape.shape, message: z.string().min(1) });
export const wakeNameShape = z.strictObject({ ...sessionIdShape.shape, name: z.string().min(1) });

const said = {
  input: jsonSchema.describe('As the agent declares it. A plain text where it declares none.'),
  user: label.exactOptional(),
};

export const sendShape = z
  .strictObject({
    ...said,
    agent: label.exactOptional().describe('Whose session it is. Needed for its first message alone.'),
    id: z
      .string()
      .min(1)
      .max(SESSION_MESSAGE_ID_CHARS)
      .regex(...inPath)
      .exactOptional()
      .describe('Of the message. The same id is the same message: sent twice it is answered once.'),
    tenant: label.exactOptional().describe("Where it is left out: the session's, the key's only one, or the server's."),
    at: z
      .number()
      .int()
      .min(0)
      .max(TIME_MAX)
      .exactOptional()
      .describe('It is answered no sooner: milliseconds since 1970.'),
    webhook: webhookShape.exactOptional(),
    afterMs: z
      .number()
      .int()
      .min(1)
      .exactOptional()
      .describe('It is answered no sooner than after so many milliseconds.'),
  })
  .refine(({ at, afterMs }) => at === undefined || afterMs === undefined, {
    path: ['afterMs'],
    error: 'there is `at` already: one of the two',
  })
  .meta({ not: { required: ['at', 'afterMs'] } });

export const sentShape = z.object({
  session: z.string(),
  message: z.string(),
  run: z.string().describe('Of the run that answers it. Others may be answered before it begins.'),
  state: z.enum(STATES).describe('`joined`: the run that was under way has taken it.'),
  position: count.describe('Messages that are answered before it.'),
  repeated: z.boolean().describe('It had been sent before, and was not sent again.'),
});

export const messageShape = z.object({
  session: z.string(),
  message: z.string(),
  run: z.string(),
  state: z.enum(['answering', 'waiting', 'later', 'answered']),
  position: count.exactOptional(),
  dueAt: ms.exactOptional(),
  outcome: z.enum(OUTCOMES).exactOptional(),
});
export type ShownMessage = z.output<typeof messageShape>;

const mailShape = z.object({
  ...{ message: z.string(), run: z.string(), preview: z.string(), sentAt: ms },
  dueAt: ms.exactOptional(),
});

const recorded = {
  id: z.string(),
  agent: z.string(),
  tenant: z.string(),
  status: z
    .enum(STATUSES)
    .describe('`asleep`: nothing was said for its idle time, and the next message wakes it. `open` in lists.'),
  length: count.describe('Messages in its conversation.'),
  answered: count.describe('Messages to it that came to an end.'),
  activeAt: ms.describe('Of what was last said or answered.'),
};
export const sessionShape = z.object({
  ...recorded,
  reason: z.string().exactOptional(),
  plan: z.object({ onBusy: z.enum(ON_BUSY), mailbox: count, idleMs: count }),
  answering: mailShape.exactOptional(),
  waiting: z.array(mailShape),
  later: z.array(mailShape),
  release: z.string().exactOptional().describe('Of its newest run.'),
  stays: z
    .object({ insteadOf: z.string(), why: z.array(z.string()) })
    .exactOptional()
    .describe(
      'That run did not take what new runs took: which that was, and what of the conversation does not fit it.',
    ),
  held: z
    .object({
      release: z.string(),
      why: z.string(),
      by: z.string(),
      at: ms,
      isPassedOver: z.literal(true).exactOptional(),
    })
    .exactOptional()
    .describe('Somebody keeps it at a release. `isPassedOver`: that one was taken back since.'),
});
export type ShownSession = z.output<typeof sessionShape>;
const listedSessionShape = z.object(recorded);
export type ListedSession = z.output<typeof listedSessionShape>;
export const sessionsShape = z.object({
  sessions: z.array(listedSessionShape),
  next: z.string().exactOptional().describe('Give it as `cursor`: there are more.'),
});
export const sessionFilter = z.enum(['open', 'asleep', 'retired']);

export const transcriptShape = z.object({
  messages: z.array(z.looseObject({ role: z.enum(['user', 'assistant', 'tool']), parts: z.array(z.looseObject({})) })),
  length: count.describe('Of the whole conversation.'),
});

const DURATION_MAX_MS = 366 * 24 * 3_600_000;
export const wakeShape = z
  .strictObject({
    ...said,
    name: z
      .string()
      .min(1)
      .max(60)
      .regex(...inPath)
      .describe('Of the times, within the session.'),
    cron: z.string().min(1).max(200).exactOptional().describe('Five fields, such as `0 9 * * 1-5`.'),
    everyMs: z.number().int().min(1_000).max(DURATION_MAX_MS).exactOptional(),
    timeZone: z
      .string()
      .min(1)
      .max(60)
      .exactOptional()
      .describe('Of `cron`, such as `Europe/Berlin`. UTC where it is left out.'),
  })
  .refine(
    ({ cron, everyMs }) => (cron === undefined) !== (everyMs === undefined),
    'say `cron` or `everyMs`: one of the two',
  )
  .refine(({ cron, timeZone }) => timeZone === undefined || cron !== undefined, {
    path: ['timeZone'],
    error: 'it is of `cron`',
  })
  .meta({
    oneOf: [{ required: ['cron'] }, { required: ['everyMs'] }],
    dependentRequired: { timeZone: ['cron'] },
  });
export const wokenShape = z.object({ session: z.string(), name: z.string() });
export const sessionAskedShape = z.object({ session: z.string().max(SESSION_ID_CHARS) });
