// The release that a run is started with, as the store has it.
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { ContentStore } from '../store/port';

/** @throws ApplicationFailure `Store.*` */
export async function manifestOf(store: Pick<ContentStore, 'get'>, release: string): Promise<ReleaseManifest> {
  const [bytes] = await store.get([release]);
  return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}
