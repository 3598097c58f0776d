// `longhaul inbox`: what waits for a person, across runs. From the store alone: who looks needs no server.
import { allRefs, type ContentStore } from '../../../activities/store';
import { INBOX_PREFIX, runRecordName } from '../../../activities/store/ref-names';
import { requestRecordSchema, type RequestRecord } from '../../../workflows/contract/schemas/approval';
import { runRecordSchema } from '../../../workflows/contract/schemas/run-record';
import { z } from 'zod';
import { argumentsOf, type RunRequest } from '../../run-requests';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { formatDuration } from '../format';
import { questionLine } from './decide';

interface Waiting extends Omit<RequestRecord, 'request'> {
  request: RunRequest;
  /** The run that a caller has started, where a sub-agent's asks. */
  root?: string;
}

export async function inboxCommand(context: CliContext, now = Date.now()): Promise<number> {
  const { output } = context;
  const waiting = await waitingIn(context.readStore());
  output.json({
    requests: waiting.map(({ id, agent, tenant, request, root }) => ({ id, agent, tenant, request, root: root ?? id })),
  });
  if (output.isJson) return EXIT.completed;
  if (waiting.length === 0) output.note('nothing waits for a person');
  for (const { id, agent, request, root } of waiting) {
    const { number, by, deadline, otherwise, again } = request;
    const left = deadline - now;
    const until =
      left > 0 ? `${formatDuration(left)} left, then ${DEFAULT[otherwise]}` : `its time is over: ${DEFAULT[otherwise]}`;
    const who = by.length === 0 ? 'anybody' : by.map((names) => names.join(' or ')).join(', and ');
    output.line(
      `${output.colors.bold(output.safeLine(root ?? id))}  ${number}  ${output.safeLine(agent)}  ${until}  ${output.safeLine(who)}`,
    );
    if (root !== undefined) output.line(`    asked by ${output.safeLine(id)}, a sub-agent's run`);
    output.line(`    ${output.safeLine(questionLine(request))}`);
    if (again !== undefined) output.line(`    asked again: ${output.safeLine(again)}`);
    const answers = request.kind === 'approval' ? 'approve|deny' : 'approve|deny|replace';
    output.line(`    longhaul ${answers} ${output.safeLine(id)} ${number}`);
  }
  return EXIT.completed;
}

const DEFAULT = { deny: 'it is denied', approve: 'it is approved', escalate: 'the run ends as escalated' } as const;

const entrySchema = z.object({ request: z.string() });

async function waitingIn(store: ContentStore): Promise<Waiting[]> {
  const entries = await allRefs(store, INBOX_PREFIX);
  const found = await Promise.all(entries.map(({ value }) => waitingAt(store, value)));
  return found.flatMap((one) => one ?? []).sort((a, b) => a.request.askedAt - b.request.askedAt);
}

/** A run that was terminated left what it had asked. */
async function waitingAt(store: ContentStore, entry: unknown): Promise<Waiting | undefined> {
  const { data } = entrySchema.safeParse(entry);
  const record = data && requestRecordSchema.safeParse((await store.readRef(data.request))?.value).data;
  if (!record || record.decision) return undefined;
  const run = runRecordSchema.safeParse((await store.readRef(runRecordName(record.id)))?.value).data;
  if (run?.ended || run?.erased) return undefined;
  return {
    ...record,
    ...(run?.parent ? { root: run.parent.root } : {}),
    request: {
      ...record.request,
      arguments: await argumentsOf(store.of(record.tenant), record.request).catch(() => record.request.preview),
    },
  };
}
