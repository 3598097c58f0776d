// The order in which an author wrote the keys of what a model is sent. A manifest is stored as canonical JSON, which sorts them; but a model
// fills a schema in the order of its keys, and a request is the same bytes only where they stand in the same order.
import { z } from 'zod';
import type { JsonValue } from '../message';
import type { ReleaseManifest } from '../release';

const jsonObject = z.record(z.string(), z.json());
const writtenSchema = z.object({
  parameters: jsonObject,
  tools: z.array(jsonObject),
  output: jsonObject.exactOptional(),
});

type JsonObject = { [key: string]: JsonValue };

/** With its order as text, which nobody sorts; without it where the keys stand sorted anyhow. */
export function withOrder(manifest: ReleaseManifest): ReleaseManifest {
  const { model, tools, output } = manifest;
  const ordered = {
    parameters: model.parameters,
    tools: tools.map(({ input }) => input),
    ...(output ? { output } : {}),
  };
  return sortedText(ordered) === JSON.stringify(ordered) ? manifest : { ...manifest, written: JSON.stringify(ordered) };
}

/** As it was written. What was changed since stands as it is. */
export function inOrder(manifest: ReleaseManifest): ReleaseManifest {
  const written = manifest.written === undefined ? undefined : parsed(manifest.written);
  if (!written) return manifest;
  const { model, tools, output } = manifest;
  return {
    ...manifest,
    model: { ...model, parameters: ordered(model.parameters, written.parameters) },
    tools: tools.map((tool, at) => ({ ...tool, input: ordered(tool.input, written.tools[at]) })),
    ...(output ? { output: ordered(output, written.output) } : {}),
  };
}

function parsed(text: string): z.output<typeof writtenSchema> | undefined {
  try {
    return writtenSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const ordered = (value: JsonObject, written: JsonObject | undefined): JsonObject =>
  written && sortedText(written) === sortedText(value) ? written : value;

const sortedText = (value: unknown): string => JSON.stringify(value, (_, part: unknown) => sorted(part));

const sorted = (part: unknown): unknown =>
  typeof part === 'object' && part !== null && !Array.isArray(part)
    ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
    : part;
