// Toolboxes, and queues of single tools, that open runs are pinned to, and that no agent here uses any more: in development one is renamed
// or taken out while a run waits. Its calls would wait for ever in a queue that nobody asks.
import { allRefs, type ContentStore } from '../../activities/store';
import { OPEN_PREFIX, runRecordName } from '../../activities/store/ref-names';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { FoundAgent } from '../load-agents';
import { toolboxLimits } from '../../activities/define/toolbox-limits';
import { releasesOf, serversOf, toolboxSpecs, type ToolboxSpec } from './toolbox-specs';

/** Each with the agent's newest code, as elsewhere in development, and without secrets or limits of its own: which it had is not known any more. */
export async function leftToolboxes(store: ContentStore, agents: readonly FoundAgent[]): Promise<ToolboxSpec[]> {
  const used = new Map(toolboxSpecs(agents).map((spec) => [spec.name, spec]));
  const left = new Map<string, ToolboxSpec>();
  const servers = serversOf(agents);
  const releases = releasesOf(agents);
  for (const manifest of await openManifests(store)) {
    const found = agents.find((one) => one.manifest.agent === manifest.agent);
    for (const { toolbox: name, tool, hasRate } of placesOf(manifest)) {
      const rates = hasRate ? { [tool]: null } : {};
      const known = left.get(name) ?? used.get(name);
      if (used.has(name) && !isMissing(known?.rates ?? {}, rates)) continue;
      const { files, ...spec } = known ?? {
        name,
        secrets: [],
        limits: toolboxLimits({}, name),
        rates: {},
        files: [],
        servers,
        releases,
      };
      const isNew = found !== undefined && !used.has(name) && !files.includes(found.file);
      left.set(name, { ...spec, rates: { ...rates, ...spec.rates }, files: isNew ? [...files, found.file] : files });
    }
  }
  return [...left.values()];
}

const isMissing = (known: ToolboxSpec['rates'], rates: ToolboxSpec['rates']): boolean =>
  Object.keys(rates).some((tool) => !Object.hasOwn(known, tool));

/** Of open runs, and of the sub-agents whose runs they may begin. None that cannot be read: its runs say so themselves. */
async function openManifests(store: ContentStore): Promise<ReleaseManifest[]> {
  const manifests = new Map<string, ReleaseManifest | undefined>();
  const add = async (release: string): Promise<void> => {
    if (manifests.has(release)) return;
    const manifest = await manifestOf(store, release);
    manifests.set(release, manifest);
    for (const { agent } of Object.values(manifest?.plan.tools ?? {})) if (agent) await add(agent.release);
  };
  for (const { name } of await allRefs(store, OPEN_PREFIX)) {
    const ref = await store.readRef(runRecordName(decodeURIComponent(name.slice(OPEN_PREFIX.length))));
    const { data: record } = runRecordSchema.safeParse(ref?.value);
    if (record && !record.ended) await add(record.release);
  }
  return [...manifests.values()].flatMap((manifest) => manifest ?? []);
}

async function manifestOf(store: ContentStore, release: string): Promise<ReleaseManifest | undefined> {
  try {
    const [bytes = new Uint8Array()] = await store.get([release]);
    return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

function placesOf({ plan }: ReleaseManifest): { toolbox: string; tool: string; hasRate: boolean }[] {
  const plans = Object.entries(plan.tools).flatMap(([name, tool]) => [{ name, plan: tool }, ...(tool.fallback ?? [])]);
  return plans.flatMap(({ name: tool, plan: { toolbox, hasRate = false } }) =>
    toolbox === undefined ? [] : [{ toolbox, tool, hasRate }],
  );
}
