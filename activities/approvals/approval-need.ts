// Which rules of a tool hold for a call: asked when the model's answer is judged, and again by whoever makes the call.
import type { ApprovalCondition, ApprovalRule } from '../../workflows/contract/approval';
import type { JsonValue, ToolCallPart } from '../../workflows/contract/message';
import { z } from 'zod';
import type { LoadedAgent } from '../deps';
import { canonicalJson } from '../store/canonical-json';

/**
 * @returns positions of the rules; none where nobody is asked, or where the call is not made anyway: of a tool that is not there, or with
 * arguments that do not fit
 */
export async function rulesOfCall(
  { agent, manifest }: Pick<LoadedAgent, 'agent' | 'manifest'>,
  call: Pick<ToolCallPart, 'name' | 'arguments' | 'malformed'>,
  tenant: string,
): Promise<number[]> {
  const { tools } = manifest.plan;
  const plan = Object.hasOwn(tools, call.name) ? tools[call.name] : undefined;
  const rules = plan?.approval ?? [];
  if (rules.length === 0 || call.malformed) return [];
  const tool = agent.tools.find(({ name }) => name === call.name);
  const parsed = await tool?.input.safeParseAsync(call.arguments);
  // A sub-agent's run is begun by its pinned release, whatever the code of today says.
  if (!parsed?.success && !plan?.agent) return [];
  // As the tool gets them too: what its schema makes of them must not lead around a rule.
  const got = z.json().safeParse(parsed?.data);
  const held = [call.arguments, ...(got.success ? [got.data] : [])].flatMap((args) =>
    rulesThatHold(rules, args, tenant),
  );
  return [...new Set(held)].sort((a, b) => a - b);
}

const rulesThatHold = (rules: readonly ApprovalRule[], args: JsonValue, tenant: string): number[] =>
  rules.flatMap(({ when }, at) => (!when || when.some((one) => holds(one, args, tenant)) ? [at] : []));

/** Where it cannot be told that a call is harmless, it is not. */
function holds({ arg, above, below, oneOf, tenants }: ApprovalCondition, args: JsonValue, tenant: string): boolean {
  if (tenants && !tenants.includes(tenant)) return false;
  if (arg === undefined) return true;
  const value = at(args, arg.split('.'));
  if (above !== undefined && typeof value === 'number' && value <= above) return false;
  if (below !== undefined && typeof value === 'number' && value >= below) return false;
  return (
    !oneOf ||
    value === undefined ||
    oneOf.every((one) => kindOf(one) !== kindOf(value)) ||
    oneOf.some((one) => isSame(one, value))
  );
}

function at(value: JsonValue | undefined, [name, ...rest]: readonly string[]): JsonValue | undefined {
  if (name === undefined) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
    return undefined;
  return at(value[name], rest);
}

const kindOf = (value: JsonValue): string => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);

const isSame = (one: JsonValue, other: JsonValue): boolean =>
  Buffer.compare(canonicalJson(one), canonicalJson(other)) === 0;
