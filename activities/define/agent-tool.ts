import { z } from 'zod';
import type { SubAgentPin } from '../../workflows/contract/run';
import type { Agent, AnyAgent } from './agent';
import { checkedLimits, type AgentLimits } from './agent-limits';
import { approvalRules, type ApprovalPolicy } from './approval';
import { onlyKnownKeys } from './known-keys';
import { ToolRejection, type AnyTool, type Tool } from './tool';
import { toolPlan } from './tool-plan';

/** An agent as a model calls it: a plain text is the property `input`. */
export type AgentToolInput<Input> = Input extends z.ZodObject ? Input : z.ZodObject<{ input: z.ZodString }>;

export interface AgentToolOptions {
  /** After its run ended without an answer. `escalate` asks a person: begin another, tell the model, or give the result by hand. @default 'tell-model' */
  onFailure?: 'tell-model' | 'stop' | 'escalate';
  /** Who must agree before its run begins, beside what its own tools ask. @default nobody */
  approval?: false | ApprovalPolicy | readonly ApprovalPolicy[];
  /** Whether it needs no order, and runs beside other calls of its turn. @default where all its tools only read */
  independent?: boolean;
}

/** Agents in a row, each a tool of the one before: deeper is a mistake more often than a plan. */
const DEPTH_MAX = 5;

/**
 * An agent as a tool of another: a call of it is a run of its own, with a release of its own, whose budget is taken from the caller's.
 * @param limits beside those of the agent: the smallest of both, and of what the caller has left, counts
 * @throws Error in one line
 */
export function agentTool<Name extends string, Input extends z.ZodObject | z.ZodString, Output extends z.core.$ZodType>(
  agent: Agent<Name, Input, Output>,
  limits?: AgentLimits,
  options?: AgentToolOptions,
): Tool<Name, AgentToolInput<Input>, Output, z.ZodObject<Record<never, never>>>;
export function agentTool(agent: AnyAgent, limits: AgentLimits = {}, options: AgentToolOptions = {}): AnyTool {
  // Where two files import each other, what is imported may not be there yet.
  const given: unknown = agent;
  if (typeof given !== 'object' || given === null || !('kind' in given) || given.kind !== 'agent')
    throw new Error('agentTool takes an agent, as defineAgent returns it: do two files of agents import each other?');
  const { name, description, input, output } = agent;
  const what = `agentTool ${name}`;
  if (description === undefined || description.trim() === '')
    throw new Error(`${what}: the agent needs a description: it is what the model reads of it.`);
  onlyKnownKeys(options, ['onFailure', 'approval', 'independent'], what);
  const { onFailure, approval, independent = onlyReads(agent) } = options;
  const plan = toolPlan({
    name,
    // Its run is found again by the call, and what it does to the world its own tools answer for.
    effect: 'idempotent',
    retry: { attempts: 1 },
    ...(onFailure ? { onFailure } : {}),
    ...(approval === undefined ? {} : { approval }),
    independent,
  });
  const checked = checkedLimits(limits, what);
  return {
    kind: 'tool',
    name,
    description,
    input: input instanceof z.ZodObject ? input : z.object({ input }),
    output,
    needs: undefined,
    toolbox: undefined,
    rate: undefined,
    plan,
    run: () => {
      // Reached where a run was begun when this was a tool of another kind.
      throw new ToolRejection(`${name} is an agent by now, which this run cannot call.`);
    },
    poll: undefined,
    reconcile: undefined,
    fallback: [],
    nonRetryable: [],
    approval: approvalRules(approval, `${what}: approval`),
    agent: { agent, limits: checked },
  };
}

/** What a server of MCP has nobody knows here. */
const onlyReads = ({ tools, toolboxes }: AnyAgent): boolean =>
  toolboxes.length === 0 &&
  tools.every(({ agent, plan }) => (agent ? plan.isIndependent === true : plan.effect === 'read'));

/** What a release pins of a sub-agent. */
export const subAgentPin = (
  { agent, limits }: NonNullable<AnyTool['agent']>,
  releaseOf: (name: string) => string,
): SubAgentPin => ({
  name: agent.name,
  release: releaseOf(agent.name),
  ...(Object.keys(limits).length === 0 ? {} : { limits }),
});

/** Agents that are tools of this one. */
export const subAgentsOf = ({ tools }: Pick<AnyAgent, 'tools'>): AnyAgent[] =>
  tools.flatMap(({ agent }) => (agent ? [agent.agent] : []));

/** @throws Error where the agent would be called by itself, or too deep */
export function requireBounded(name: string, tools: readonly AnyTool[]): void {
  const look = (agents: readonly AnyAgent[], above: readonly string[]): void => {
    for (const agent of agents) {
      const line = [...above, agent.name];
      if (agent.name === name)
        throw new Error(`agent ${name}: it is a tool of itself (${line.join(' → ')}): its runs would have no end.`);
      if (line.length > DEPTH_MAX)
        throw new Error(
          `agent ${name}: sub-agents may be ${DEPTH_MAX} deep, and these are deeper: ${line.join(' → ')}.`,
        );
      look(subAgentsOf(agent), line);
    }
  };
  look(subAgentsOf({ tools }), [name]);
}
