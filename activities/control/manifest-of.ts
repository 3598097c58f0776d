// The release that a run is started with, as the store has it.
import { agentPointerSchema } from '../../workflows/contract/schemas/run-record';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { ContentStore } from '../store/port';
import { agentPointerName } from '../store/ref-names';

/** @throws ApplicationFailure `Store.*` */
export async function manifestOf(store: Pick<ContentStore, 'get'>, release: string): Promise<ReleaseManifest> {
  const [bytes] = await store.get([release]);
  return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

/** Of the release that new runs of an agent take. Undefined where none is published. */
export async function currentReleaseOf(
  store: Pick<ContentStore, 'readRef'>,
  agent: string,
): Promise<string | undefined> {
  const pointer = await store.readRef(agentPointerName(agent));
  return pointer && agentPointerSchema.parse(pointer.value).release;
}
