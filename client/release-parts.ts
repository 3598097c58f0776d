// The version of each thing that a release is made of: what two releases share has the same.
import { canonicalJson, objectHash } from '../activities/store';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { RegisteredRelease } from '../workflows/contract/schemas/traffic';

export interface ReleaseParts {
  /** All but `model` and `orchestration` are SHA-256. */
  instructions: string;
  model: string[];
  parameters: string;
  /** Of limits, time-outs and repairs. */
  limits: string;
  context: string | null;
  /** Of the agent and all of its tools. */
  code: string;
  orchestration: string;
  tools: ToolParts[];
}

export interface ToolParts {
  name: string;
  /** Of its description and arguments, as the model is told. */
  schema: string;
  /** Of effect, retries, approvals, fallbacks: what is held to when it is called. */
  policy: string;
  toolbox: string | null;
  /** Of the file that defines it, with all that it imports. Null where the release was not made by command. */
  code: string | null;
  /** Of what its MCP server said of it. */
  server: string | null;
}

const hashOf = (value: unknown): string => objectHash(canonicalJson(value));

export function releaseParts(manifest: ReleaseManifest, toolCode: RegisteredRelease['tools'] = {}): ReleaseParts {
  const { instructions, model, plan, context, code, orchestration, tools } = manifest;
  const { tools: policies, ...limits } = plan;
  return {
    instructions: objectHash(new TextEncoder().encode(instructions)),
    model: model.route,
    parameters: hashOf(model.parameters),
    limits: hashOf(limits),
    context: context ? hashOf(context) : null,
    code,
    orchestration,
    tools: tools.map(({ name, description, input, toolbox, mcp }) => ({
      name,
      schema: hashOf({ description, input }),
      policy: hashOf(policies[name] ?? {}),
      toolbox: toolbox ?? null,
      code: toolCode[name] ?? null,
      server: mcp?.schemas ?? null,
    })),
  };
}
