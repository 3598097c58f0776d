// What a run has asked people, with who decided what and why: from the store, so that it is there when Temporal has forgotten the run.
import { allRefs, type ContentStore } from '../../../activities/store';
import { requestsOfFirst } from '../../../activities/store/ref-names';
import { requestRecordSchema, type RequestRecord } from '../../../workflows/contract/schemas/approval';
import { argumentsOf } from '../../run-requests';
import { questionLine } from './decide';

export interface AskedOfRun {
  number: number;
  question: string;
  /** Milliseconds since the epoch: its run has ended, and nobody had answered. */
  withdrawnAt: number | null;
  decision: (NonNullable<RequestRecord['decision']> & { arguments?: string }) | null;
}

/** @param store as the run's tenant sees it */
export async function requestsOf(store: ContentStore, firstRunId: string): Promise<AskedOfRun[]> {
  const records = (await allRefs(store, requestsOfFirst(firstRunId))).flatMap(
    ({ value }) => requestRecordSchema.safeParse(value).data ?? [],
  );
  return await Promise.all(
    records.map(async ({ request, decision, withdrawnAt }) => {
      const args = await argumentsOf(store, request).catch(() => request.preview);
      const edited = decision?.edited === undefined ? undefined : await textOf(store, decision.edited);
      return {
        number: request.number,
        question: questionLine({ ...request, arguments: args }),
        withdrawnAt: withdrawnAt ?? null,
        decision: decision ? { ...decision, ...(edited === undefined ? {} : { arguments: edited }) } : null,
      };
    }),
  );
}

const textOf = async (store: ContentStore, name: string): Promise<string | undefined> =>
  await store.get([name]).then(
    ([bytes]) => new TextDecoder().decode(bytes),
    () => undefined,
  );

const SAID = { approve: 'approved', deny: 'denied', replace: 'replaced' } as const;

/** On one line. */
export function askedLine({ number, question, decision, withdrawnAt }: AskedOfRun): string {
  if (!decision)
    return `${number} ${question}: ${withdrawnAt === null ? 'nobody has answered' : 'withdrawn, the run has ended'}`;
  const { verdict, verified, signed, byDefault, arguments: args, reason } = decision;
  const by = byDefault ? 'because nobody answered' : verified ? `by ${signed?.by ?? ''}` : 'unsigned';
  const edited = args === undefined ? '' : `, with ${args}`;
  return `${number} ${question}: ${SAID[verdict]} ${by}${edited}${reason === undefined || byDefault ? '' : `: ${reason}`}`;
}
