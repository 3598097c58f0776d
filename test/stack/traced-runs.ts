// What a receiver has of runs, once all of it has come.
import type { OtlpReceiver, ReceivedSpan } from './otlp-receiver';
import { conventionProblems } from './span-conventions';
import { until } from './until';

/** A caller's own are a client's and a producer's. */
const isOfWorker = ({ resource }: ReceivedSpan): boolean => resource['service.name'] === 'longhaul';

export const spansOf = ({ spans }: OtlpReceiver, run: string): ReceivedSpan[] =>
  spans.filter((span) => isOfWorker(span) && span.attributes['longhaul.run.id'] === run);

/** Waits for as many spans of a run as it is to have. @returns its own, and those below it */
export async function tracedRun(
  receiver: OtlpReceiver,
  run: string,
  names: readonly string[],
): Promise<{ root: ReceivedSpan; spans: ReceivedSpan[] }> {
  await until(() => spansOf(receiver, run).length >= names.length, 60_000);
  const spans = spansOf(receiver, run);
  expect(spans.map(({ name }) => name).sort()).toEqual([...names].sort());
  const [root, ...others] = spans.filter(({ name }) => name.startsWith('invoke_agent'));
  if (!root || others.length > 0) throw new Error(`run ${run} has ${others.length + 1} spans of its own`);
  return { root, spans };
}

/** Of all that came: when whoever sends has been closed, so that nothing comes any more. @returns a line each */
export function problemsOf({ spans, problems }: OtlpReceiver): string[] {
  const ids = spans.map(({ spanId }) => spanId);
  return [
    ...problems,
    ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `span ${id} came more than once`),
    ...spans.filter(isOfWorker).flatMap(conventionProblems),
  ];
}
