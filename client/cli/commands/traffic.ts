// `longhaul traffic AGENT`: who changed what new runs take, when and why; from the store alone.
import { isStatementSigned } from '../../../activities/keys/decision-signature';
import { statementOf, trafficHistory } from '../../../activities/store/change-traffic';
import { WHOLE_SHARE, type TrafficRecord, type TrafficState } from '../../../workflows/contract/schemas/traffic';
import { pointerOf, registeredReleases } from '../../releases';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

export interface TrafficOptions {
  limit: number;
}

type Signed = 'yes' | 'no' | 'does not fit' | 'by nobody known';

export async function trafficCommand(context: CliContext, agent: string, { limit }: TrafficOptions): Promise<number> {
  const { output, settings } = context;
  const store = context.readStore();
  const pointer = await pointerOf(store, agent);
  const [history, registered] = await Promise.all([trafficHistory(store, agent), registeredReleases(store, agent)]);
  const signedBy = (record: TrafficRecord): Signed => {
    if (record.signature === undefined) return 'no';
    const keys = settings.approvers.people[record.by]?.keys;
    if (!keys) return 'by nobody known';
    return isStatementSigned(statementOf(record), record.signature, keys) ? 'yes' : 'does not fit';
  };
  const changes = history
    .toReversed()
    .slice(0, limit)
    .map((record) => ({ ...record, signed: signedBy(record) }));
  const name = (release: string): string =>
    registered.find((one) => one.release === release)?.name ?? release.slice(0, 12);
  const { release, candidate, shadow, managed = false } = pointer;
  output.json({
    agent,
    managed,
    now: { release, candidate: candidate ?? null, shadow: shadow ?? null },
    changes,
    more: history.length > limit,
  });
  output.line(
    `${agent}: ${stateText({ release, ...(candidate ? { candidate } : {}), ...(shadow ? { shadow } : {}) }, name)}`,
  );
  output.table(changes, [
    { title: 'change', value: ({ epoch }) => String(epoch), align: 'right' },
    { title: 'at', value: ({ at }) => new Date(at).toISOString() },
    {
      title: 'by',
      value: ({ by, signed }) =>
        signed === 'yes' ? `${by}, signed` : signed === 'no' ? by : `${by}, signature ${signed}`,
    },
    { title: 'what', value: ({ change }) => change },
    { title: 'from', value: ({ before }) => (before ? stateText(before, name) : '') },
    { title: 'to', value: ({ after }) => stateText(after, name) },
    { title: 'why', value: ({ why }) => why ?? '', flexible: true },
  ]);
  if (!managed) output.note(`its workers say what new runs take, until: longhaul release ${agent}`);
  if (history.length > limit) output.note('there are older ones; --limit shows more.');
  return EXIT.completed;
}

function stateText({ release, candidate, shadow }: TrafficState, name: (release: string) => string): string {
  const percent = ({ share }: { share: number }): string => `${Number(((100 * share) / WHOLE_SHARE).toFixed(2))} %`;
  const parts = [
    name(release),
    ...(candidate ? [`${percent(candidate)} ${name(candidate.release)}`] : []),
    ...(shadow ? [`${percent(shadow)} shadowed by ${name(shadow.release)}`] : []),
  ];
  return parts.join(', ');
}
