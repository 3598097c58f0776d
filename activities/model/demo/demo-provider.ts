// A model for machines without a key. There is no language model in it: it plans searches, ranks what they find, and quotes.
import { setTimeout as after } from 'node:timers/promises';
import type { AssistantMessage } from '../../../workflows/contract/message';
import { canonicalJson, objectHash } from '../../store/canonical-json';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from '../provider';
import { composeAnswer } from './answer';
import { isObject, readConversation, type Conversation, type JsonObject } from './conversation';
import { answerOther, planOther } from './other-agents';
import { canAnalyse, gatherEvidence, planCalls, takes, type PlannedCall } from './plan';
import { schemaValue } from './schema-value';
import { parseQuestion } from './terms';

const DEMO_MODEL = 'extractive-1';

export interface DemoOptions {
  /** Milliseconds that one call takes, for those who want to watch or to interrupt it. @default 0 */
  delayMs?: number;
}

/** Pieces in which an answer is streamed. */
const CHUNKS = 5;
/** The usual rule of thumb for English: there is no tokenizer here to ask. */
const CHARS_PER_TOKEN = 4;

type Decision = { calls: PlannedCall[] } | { text: string };

/** Deterministic: the same request gets the same answer. Takes any model name, and ignores parameters. */
export function createDemoProvider({ delayMs = 0 }: DemoOptions = {}): ModelProvider {
  return {
    name: 'demo',
    async generate(request, call) {
      call.signal.throwIfAborted();
      const decision = decide(request);
      const text = 'text' in decision ? decision.text : '';
      await stream(text, delayMs, call);
      return respond(request, decision);
    },
  };
}

function decide(request: ModelRequest): Decision {
  const conversation = readConversation(request.messages);
  const decision = canAnalyse(request.tools) ? analyse(request, conversation) : other(request, conversation);
  if ('calls' in decision || !request.output) return decision;
  const fields: JsonObject = { ...conversation.fields };
  for (const { ok, output } of conversation.turns.flat()) if (ok && isObject(output)) Object.assign(fields, output);
  return { text: JSON.stringify(schemaValue(request.output.schema, { fields, text: decision.text })) };
}

function other(request: ModelRequest, conversation: Conversation): Decision {
  const call = planOther(conversation, request.tools);
  return call ? { calls: [call] } : { text: answerOther(conversation, request.tools) };
}

function analyse(request: ModelRequest, conversation: Conversation): Decision {
  const question = parseQuestion(conversation.question);
  const evidence = gatherEvidence(question, conversation);
  const calls = planCalls(question, conversation, evidence, request.tools);
  if (calls.length > 0) return { calls };
  const finding = composeAnswer(question, evidence);
  const report = conversation.turns.flat().find((call) => call.name === 'write_report');
  const found = evidence.ranked.length > 0;
  if (
    !report &&
    found &&
    takes(request.tools, 'write_report', 'title') &&
    takes(request.tools, 'write_report', 'text')
  ) {
    const title = question.text.replace(/\s+/g, ' ').trim().slice(0, 150) || 'Report';
    return { calls: [{ name: 'write_report', arguments: { title, text: finding.report } }] };
  }
  const kept = report?.ok && isObject(report.output) ? report.output['path'] : undefined;
  return {
    text:
      typeof kept === 'string' ? `${finding.text}\n\nReport: ${kept} (in the state folder, .longhaul)` : finding.text,
  };
}

async function stream(text: string, delayMs: number, { signal, onDelta }: ModelCall): Promise<void> {
  const length = Math.ceil(text.length / CHUNKS);
  for (let at = 0; at < CHUNKS; at += 1) {
    if (delayMs > 0) await pause(delayMs / CHUNKS, signal);
    signal.throwIfAborted();
    const piece = text.slice(at * length, (at + 1) * length);
    // A call without text still shows that it is alive.
    onDelta?.(piece === '' ? {} : { text: piece });
  }
}

/** The abort's own reason is thrown, as every provider does: the timer's would hide it. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  after(ms, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });

function respond(request: ModelRequest, decision: Decision): ModelResponse {
  const { model, instructions, messages, tools, output, parameters } = request;
  const body = canonicalJson({ model, instructions, messages, tools, output, parameters });
  const message: AssistantMessage = {
    role: 'assistant',
    parts:
      'text' in decision
        ? [{ type: 'text', text: decision.text }]
        : decision.calls.map((planned, call) => ({ type: 'tool-call', call, ...planned })),
  };
  const tokens = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);
  return {
    message,
    finish: 'text' in decision ? 'stop' : 'tool-calls',
    usage: {
      input: tokens(body.length),
      cachedInput: 0,
      output: tokens(JSON.stringify(message.parts).length),
      reasoning: 0,
    },
    model: DEMO_MODEL,
    raw: null,
    request: { sha256: objectHash(body), bytes: body.length },
  };
}
