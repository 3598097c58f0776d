// Is an answer usable, and if not, what is the model told? And which of its calls need a person. Pure: the same answer gets the same verdict.
import { z } from 'zod';
import type { AnswerProblem } from '../workflows/contract/activities';
import type { ToolCallHead } from '../workflows/contract/tool-call';
import { PREVIEW_CHARS } from '../workflows/contract/limits';
import type { AssistantMessage, JsonValue, ToolCallPart, UserMessage } from '../workflows/contract/message';
import type { LoadedAgent } from './deps';
import { failure } from './failure';
import type { ModelResponse } from './model/provider';
import { rulesOfCall } from './approvals/approval-need';
import { canonicalJson, previewOf } from './store';

export interface Verdict {
  /** As it goes into the conversation. */
  message: AssistantMessage;
  toolCalls: ToolCallHead[];
  problem?: { type: AnswerProblem; message: string };
  /** What the runtime answers to a problem. */
  reply?: UserMessage;
  /** Set on a usable final answer. */
  output?: JsonValue;
}

/** Issues named to the model: enough to mend an answer, few enough to read. */
const ISSUES_SHOWN = 5;

/** @throws ApplicationFailure `Model.ContentFiltered`: the provider withheld the answer, and asking again would not help */
export async function judgeAnswer(
  { message, finish }: ModelResponse,
  loaded: LoadedAgent,
  { tenant, nameOf }: { tenant: string; nameOf(bytes: Uint8Array): string },
): Promise<Verdict> {
  const { agent, manifest } = loaded;
  const calls = message.parts.filter((part): part is ToolCallPart => part.type === 'tool-call');
  const text = textOf(message);
  if (finish === 'content-filter') throw failure('Model.ContentFiltered', 'the provider filtered the answer.');
  if (message.refused || finish === 'refusal') {
    return unusable(message, 'Model.Refused', `the model declined: ${text || 'without a word'}`, DECLINED);
  }
  // Its last call is cut too.
  if (finish === 'length') return unusable(message, 'Model.Truncated', 'the answer was cut at the length limit.', CUT);
  if (calls.length > 0) {
    const heads = calls.map(async (call): Promise<ToolCallHead> => {
      const rules = await rulesOfCall(loaded, call, tenant);
      const head = { name: call.name, preview: previewOf(call.arguments) };
      return rules.length === 0 ? head : { ...head, approval: { args: nameOf(canonicalJson(call.arguments)), rules } };
    });
    return { message, toolCalls: await Promise.all(heads) };
  }
  if (text.trim() === '') return unusable(message, 'Model.EmptyAnswer', 'the answer was empty.', EMPTY);
  if (!manifest.output) return { message, toolCalls: [], output: text };

  const parsed = await parseOutput(text, agent.output);
  if ('value' in parsed) return { message, toolCalls: [], output: parsed.value };
  return unusable(
    message,
    'Model.InvalidOutput',
    parsed.problem,
    `Your answer does not fit the required format. ${parsed.problem} Answer again with the JSON value alone.`,
  );
}

const DECLINED =
  'You declined to answer. If some part of the task is within your rules, do that part; otherwise say in one sentence what stands in the way.';
const CUT = 'Your answer was cut at the length limit and was not used. Answer again, shorter.';
const EMPTY = 'Your answer was empty. Call a tool or give your final answer.';

export const textOf = (message: AssistantMessage): string =>
  message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');

/** Without its calls: none is made, and a provider rejects a conversation whose calls have no results. */
function unusable(message: AssistantMessage, type: AnswerProblem, problem: string, reply: string): Verdict {
  return {
    message: { ...message, parts: message.parts.filter((part) => part.type !== 'tool-call') },
    toolCalls: [],
    problem: { type, message: problem.slice(0, PREVIEW_CHARS) },
    reply: { role: 'user', from: 'runtime', parts: [{ type: 'text', text: reply }] },
  };
}

async function parseOutput(text: string, schema: z.core.$ZodType): Promise<{ value: JsonValue } | { problem: string }> {
  let json: unknown;
  try {
    json = JSON.parse(unfenced(text));
  } catch {
    return { problem: 'It is not JSON.' };
  }
  const parsed = await z.safeParseAsync(schema, json);
  if (!parsed.success) return { problem: issuesOf(parsed.error) };
  const value = z.json().safeParse(parsed.data);
  return value.success ? { value: value.data } : { problem: 'The parsed value is not JSON.' };
}

/** Models without a structured-output mode like to wrap JSON in a Markdown fence. */
export const unfenced = (text: string): string => /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text;

export function issuesOf(error: z.ZodError): string {
  const shown = error.issues
    .slice(0, ISSUES_SHOWN)
    .map(({ path, message }) => `${path.length ? path.join('.') : 'value'}: ${message}`);
  const left = error.issues.length - shown.length;
  return `${shown.join('; ')}${left > 0 ? `; and ${left} more` : ''}.`;
}
