// The part of a release manifest that follows from the definition alone: names, JSON Schemas and the plan.
import { z } from 'zod';
import type { JsonValue } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { ToolPlan } from '../workflows/contract/run';
import { withApprovals, type RuleFor } from './define/approval';
import type { AnyAgent } from './define/agent';
import { subAgentPin } from './define/agent-tool';

type JsonObject = { [key: string]: JsonValue };

export type AgentDescription = Pick<
  ReleaseManifest,
  | ('schemaVersion' | 'agent' | 'description' | 'tools' | 'input' | 'output' | 'plan')
  | ('loops' | 'cache' | 'batch' | 'sync' | 'session')
>;

/** Of an agent by its name: what its runs as a sub-agent are pinned to. @throws Error in one line */
export type ReleaseOf = (agent: string) => string;

const noReleases: ReleaseOf = (agent) => {
  throw new Error(`the release of its sub-agent ${agent} is not known here.`);
};

/**
 * @param releaseOf for the agents among its tools
 * @param configured rules of the configuration, about the tools of any agent
 * @throws Error in one line, naming the part of the definition that JSON Schema cannot say
 */
export function describeAgent(
  agent: AnyAgent,
  configured: readonly RuleFor[] = [],
  releaseOf: ReleaseOf = noReleases,
): AgentDescription {
  const shared = [...configured, ...agent.approvals];
  const input = valueSchema(agent.input, 'input');
  const output = valueSchema(agent.output, 'output');
  return {
    schemaVersion: 1,
    agent: agent.name,
    ...(agent.description === undefined ? {} : { description: agent.description }),
    tools: agent.tools.map((tool) => ({
      name: tool.name,
      description: tool.description,
      input: tool.mcp?.input ?? jsonSchema(tool.input, `tool ${tool.name}: input`),
      ...(tool.toolbox ? { toolbox: tool.toolbox.name } : {}),
      ...(tool.mcp ? { mcp: tool.mcp.pin } : {}),
    })),
    ...(input ? { input } : {}),
    ...(output ? { output } : {}),
    plan: {
      ...agent.plan,
      tools: withSubAgents(
        withApprovals(agent.plan.tools, agent.tools, { agent: agent.name, shared }),
        agent.tools,
        releaseOf,
      ),
    },
    ...(agent.loops ? { loops: agent.loops } : {}),
    ...(agent.cache ? { cache: agent.cache } : {}),
    ...(agent.batch ? { batch: agent.batch } : {}),
    ...agent.mode,
  };
}

function withSubAgents(
  plans: { [tool: string]: ToolPlan },
  tools: AnyAgent['tools'],
  releaseOf: ReleaseOf,
): { [tool: string]: ToolPlan } {
  const pinned = tools.flatMap(({ name, plan, agent }) =>
    agent ? [[name, { ...(plans[name] ?? plan), agent: subAgentPin(agent, releaseOf) }] as const] : [],
  );
  return { ...plans, ...Object.fromEntries(pinned) };
}

/** Plain text needs no schema: it is passed as it is, not as a JSON string. */
function valueSchema(schema: z.core.$ZodType, what: string): JsonObject | undefined {
  const json = jsonSchema(schema, what);
  const rules = Object.keys(json).filter((key) => key !== 'description' && key !== 'title');
  return json['type'] === 'string' && rules.length === 1 ? undefined : json;
}

/** As the model and a caller write it, so before defaults and transforms. */
function jsonSchema(schema: z.core.$ZodType, what: string): JsonObject {
  try {
    const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' });
    return jsonObject(json, what);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${[what, ...unusablePath(schema)].join('.')}: ${message.split('\n', 1)[0] ?? ''}`, {
      cause: error,
    });
  }
}

/** Zod says what it cannot represent, not where. */
function unusablePath(schema: unknown): string[] {
  if (!(schema instanceof z.ZodObject)) return [];
  for (const [key, field] of Object.entries<z.core.$ZodType>(schema.shape)) {
    try {
      z.toJSONSchema(field, { io: 'input' });
    } catch {
      return [key, ...unusablePath(field)];
    }
  }
  return [];
}

/** @throws Error naming the place that is not JSON */
export function jsonObject(value: object, what: string): JsonObject {
  const present = Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined));
  const parsed = z.record(z.string(), z.json()).safeParse(present);
  if (parsed.success) return parsed.data;
  const place = parsed.error.issues[0]?.path.join('.');
  throw new Error(`${what}${place ? `: ${place}` : ''}: it is not JSON.`);
}
