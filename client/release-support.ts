// Who is there for a release: workers that live and have its code, and those that serve its toolboxes. From the store alone.
import { allRefs, type ContentStore } from '../activities/store';
import { SERVING_PREFIX } from '../activities/store/ref-names';
import type { ReleaseManifest } from '../workflows/contract/release';
import { servingSchema } from '../workflows/contract/schemas/traffic';
import { counted } from './format';

export interface ReleaseSupport {
  /** Workers with its own code. */
  own: number;
  /** Those that have its agent with other code, and would run it with that. */
  others: number;
  /** Those that have its agent with other code, and run no release with that. */
  strict: number;
  /** Toolboxes that it needs and that no worker serves, by name. */
  unserved: string[];
}

/** A worker that was killed counts for up to a minute. */
export async function supportOf(
  store: ContentStore,
  { release, manifest }: { release: string; manifest: ReleaseManifest },
): Promise<ReleaseSupport> {
  const living = (await allRefs(store, SERVING_PREFIX)).flatMap(
    ({ value }) => servingSchema.safeParse(value).data ?? [],
  );
  // Of a release that load has made of another the code is the other's.
  const code = manifest.degradedFrom ?? release;
  const loaded = living.flatMap(({ releases, strict }) => {
    const own = releases[manifest.agent];
    return own ? [{ has: own.includes(code), strict }] : [];
  });
  // One of a version that does not tell them may serve any.
  const isTold = living.length > 0 && living.every(({ toolboxes }) => toolboxes !== undefined);
  const served = new Set(living.flatMap(({ toolboxes = [] }) => toolboxes));
  return {
    own: loaded.filter(({ has }) => has).length,
    others: loaded.filter(({ has, strict }) => !has && !strict).length,
    strict: loaded.filter(({ has, strict }) => !has && strict).length,
    unserved: isTold ? toolboxesOf(manifest).filter((name) => !served.has(name)) : [],
  };
}

/** Of all its tools, those that stand in for others included. */
export function toolboxesOf({ plan }: ReleaseManifest): string[] {
  const own = Object.values(plan.tools).flatMap(({ toolbox, fallback = [] }) => [
    toolbox,
    ...fallback.map((other) => other.plan.toolbox),
  ]);
  return [...new Set(own.flatMap((name) => name ?? []))].sort();
}

export function supportText({ own, others, strict }: ReleaseSupport): string {
  if (own + others === 0 && strict === 0) return 'none that lives can run it: new runs wait until one comes';
  if (own + others === 0)
    return `${counted(strict, 'worker')} with other code run it with none but its own: new runs wait until one with its code comes`;
  if (own === 0)
    return `${counted(others, 'worker')} run it, none with the code that it was made of: instructions, model and limits are its own, tools are as they are now`;
  return `${counted(own, 'worker')} run it with its own code${others > 0 ? `, ${others} with another's` : ''}`;
}

/** What is to be done before runs take it, a line each; empty where all that it needs is there. */
export function supportProblems(support: ReleaseSupport): string[] {
  return [
    ...(support.own === 0 ? [supportText(support)] : []),
    ...support.unserved.map(
      (name) => `nobody serves its toolbox ${name}: calls wait for one. longhaul worker --toolbox ${name}`,
    ),
  ];
}
