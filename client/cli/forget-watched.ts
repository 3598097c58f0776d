// What the watch keeps of erased runs: their numbers, and that findings name them.
import { allRefs, type ContentStore } from '../../activities/store';
import { FINDING_PREFIX, WATCHED_RUNS } from '../../activities/store/ref-names';
import { watchedRunSchema } from '../../activities/watch/watched-run';
import { findingSchema, type Finding } from '../../workflows/contract/schemas/finding';

/**
 * A finding that names other runs too stays, without the words that were of one of these. Repeating it finishes what an earlier one did not.
 * @param erased ids
 * @returns how many refs were deleted
 */
export async function forgetWatched(store: ContentStore, erased: ReadonlySet<string>): Promise<number> {
  const names = await watchedNames(store, erased);
  const gone = await Promise.all(names.map((name) => store.deleteRef(name)));
  const findings = await Promise.all(
    (await allRefs(store, FINDING_PREFIX)).map(({ name }) => withoutRuns(store, name, erased)),
  );
  return [...gone, ...findings].filter(Boolean).length;
}

/** Of what is deleted whole. */
export async function watchedNames(store: ContentStore, erased: ReadonlySet<string>): Promise<string[]> {
  if (erased.size === 0) return [];
  return (await allRefs(store, WATCHED_RUNS)).flatMap(({ name, value }) => {
    const run = watchedRunSchema.safeParse(value).data;
    return run && erased.has(run.id) ? [name] : [];
  });
}

/** @returns whether it was deleted */
async function withoutRuns(store: ContentStore, name: string, erased: ReadonlySet<string>): Promise<boolean> {
  for (;;) {
    const ref = await store.readRef(name);
    const finding = findingSchema.safeParse(ref?.value).data;
    if (!ref || !finding?.runs.some(({ id }) => erased.has(id))) return false;
    const runs = finding.runs.filter(({ id }) => !erased.has(id));
    if (runs.length === 0) return await store.deleteRef(name, ref.version);
    const value: Finding = { ...finding, runs };
    // They are the first run's.
    if (finding.runs[0] !== runs[0]) delete value.why;
    const { conflicts } = await store.commit({
      refs: [
        {
          ...{ op: 'compare-and-set', name, version: ref.version, value },
          ...(ref.expiresAt === undefined ? {} : { expiresAt: ref.expiresAt }),
        },
      ],
    });
    if (conflicts.length === 0) return false;
  }
}
