// Needs: nothing but Node. Toolboxes that runs under way are pinned to, and that today's agents do not have any more.
import { z } from 'zod';
import { agentTool, defineAgent, defineTool, defineToolbox, type AnyAgent } from '../../activities/define';
import { canonicalJson, createMemoryStore, objectHash } from '../../activities/store';
import { openRunName, runRecordName } from '../../activities/store/ref-names';
import type { FoundAgent } from '../../workers/load-agents';
import { publishReleases } from '../../workers/publish-releases';
import { leftToolboxes } from '../../workers/toolbox/left-toolboxes';
import type { ToolPlan } from '../../workflows/contract/run';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { manifestFor } from '../stack/manifest-for';

/** A lead whose reader has a helper, whose tool is in that toolbox, as a worker releases them. */
function agentsWith(name: string): FoundAgent[] {
  const toolbox = defineToolbox({ name });
  const look = defineTool({
    ...{ name: 'look', description: 'Looks.', input: z.object({}), output: z.string(), effect: 'read' },
    ...{ toolbox, run: () => 'seen' },
  });
  const helper = defineAgent({ name: 'helper', description: 'Helps.', instructions: 'Help.', tools: [look] });
  const reader = defineAgent({
    ...{ name: 'reader', description: 'Reads.', instructions: 'Read.', tools: [agentTool(helper)] },
  });
  const lead = defineAgent({ name: 'lead', instructions: 'Lead.', tools: [agentTool(reader)] });
  const found: FoundAgent[] = [];
  const all: AnyAgent[] = [helper, reader, lead];
  for (const one of all) {
    const { manifest } = manifestFor(one, 'scripted/x');
    const tools = Object.entries(manifest.plan.tools).map(([tool, plan]): [string, ToolPlan] => {
      const pinned = found.find(({ agent: { name } }) => name === plan.agent?.name);
      return [tool, pinned ? { ...plan, agent: { name: tool, release: pinned.release } } : { ...plan, toolbox: name }];
    });
    const placed = { ...manifest, plan: { ...manifest.plan, tools: Object.fromEntries(tools) } };
    const release = objectHash(canonicalJson(placed));
    found.push({ agent: one, manifest: placed, release, file: `/agents/${one.name}.ts` });
  }
  return found;
}

test('a toolbox that a sub-agent had is kept for an open run that may still call it', async () => {
  const store = createMemoryStore();
  const before = agentsWith('library');
  const today = agentsWith('archive');
  await publishReleases(store, before);
  expect(await leftToolboxes(store, today)).toEqual([]);
  const record: RunRecord = {
    ...{ schemaVersion: 1, id: 'open', agent: 'lead', release: before.at(-1)?.release ?? '', tenant: 't', tags: [] },
    ...{ input: '', question: 'go', startedAt: 1 },
  };
  await store.commit({
    refs: [
      { op: 'put', name: runRecordName('open'), value: record },
      { op: 'put', name: openRunName('open'), value: { id: 'open' } },
    ],
  });
  expect(await leftToolboxes(store, today)).toMatchObject([{ name: 'library', files: ['/agents/helper.ts'] }]);
});
