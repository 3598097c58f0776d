// What a recorded run is started with. All of it follows from its record and its release, so that whoever starts it needs to be told its id alone.
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import type { ReleaseManifest } from '../../workflows/contract/release';
import { webhookWorkflowId } from '../../workflows/contract/names';
import type { AgentRunInput, CarriedState } from '../../workflows/contract/run';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { limitedTo } from '../define/limited-to';
import { failure } from '../failure';
import { decodeCarried } from '../store/carried-state';
import { canonicalJson, decodeMessage, previewOf, type ContentStore } from '../store';

/** @throws ApplicationFailure `Store.*` */
export async function recordedInput(store: ContentStore, record: RunRecord, tells: string): Promise<AgentRunInput> {
  const { agent, release, tenant, user, session, tags, input: hash, queue, degraded } = record;
  const [message, manifest] = await store.get([hash, release]);
  const first = decodeMessage(message ?? new Uint8Array());
  const { plan } = manifestOf(record, manifest ?? new Uint8Array());
  return {
    schemaVersion: 1,
    ...{ agent, release, tenant, tags },
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    ...(queue?.priority === undefined ? {} : { priority: queue.priority }),
    input: { hash, role: first.role, preview: previewOf(first) },
    plan: {
      ...{ ...plan, limits: limitedTo(plan.limits, queue?.limits, degraded?.limits) },
      ...(queue?.inspect ? { inspect: true } : {}),
    },
    tells,
    ...(record.isWatched ? { watchedBy: webhookWorkflowId(record.id) } : {}),
    ...(await carriedOf(store, queue)),
  };
}

/** What a fork goes on with. */
async function carriedOf(store: ContentStore, queue: RunRecord['queue']): Promise<{ carried?: CarriedState }> {
  const hash = queue?.carried;
  if (hash === undefined) return {};
  const [bytes] = await store.get([hash]);
  return { carried: decodeCarried(hash, bytes ?? new Uint8Array()) };
}

/** The release with another route, as an object: everything that reads a run's release reads this one. @throws ApplicationFailure `Store.*` */
export async function degradedRelease(store: ContentStore, record: RunRecord, route: string[]): Promise<Uint8Array> {
  const [bytes] = await store.get([record.release]);
  const manifest = manifestOf(record, bytes ?? new Uint8Array());
  // How its own route is taken says nothing of another.
  const { parameters } = manifest.model;
  return canonicalJson({ ...manifest, model: { route, parameters }, degradedFrom: record.release });
}

function manifestOf({ id, release }: RunRecord, bytes: Uint8Array): ReleaseManifest {
  try {
    return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw failure('Store.ObjectCorrupt', `object ${release}, the release of run ${id}, cannot be read.`);
  }
}
