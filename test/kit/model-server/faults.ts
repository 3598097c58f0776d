import { z } from 'zod';
import type { ScriptTurn } from '../script';
import type { ModelRequest } from './model-request';

/**
 * Which requests a fault strikes. Without any field: every request for an answer. Requests are counted per fault, among
 * those that pass its `path`, `bodyIncludes` and `match`.
 */
export interface FaultCondition {
  /** First matching request to strike, from 1. Alone, it strikes that one only. */
  readonly nth?: number | undefined;
  /** How many matching requests to strike. Default: 1 with `nth`, no limit without. */
  readonly times?: number | undefined;
  /** End of the path, for example `/responses`. Naming `/models` is the only way to strike the model list. */
  readonly path?: string | undefined;
  /** Text the request's body must contain. */
  readonly bodyIncludes?: string | undefined;
  /** Not over the control endpoint, which carries JSON. */
  readonly match?: ((request: ModelRequest) => boolean) | undefined;
}

/** What goes wrong. Fields combine: a delay and a status give a late error. Of several faults, the later one wins. */
export interface FaultAction {
  /** Answers with this status instead of the model's answer. */
  readonly status?: number | undefined;
  /** Body for `status`: a string unchanged, anything else as JSON. Default: the real API's error for that status. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** `retry-after` for `status`: seconds, or an HTTP date. */
  readonly retryAfter?: number | string | undefined;
  /** Waits before the first byte. */
  readonly delayMs?: number | undefined;
  /** Never answers; over when the client gives up or the server closes. */
  readonly hang?: boolean | undefined;
  /** Waits before the first byte until `release(name)`: holds a run at an exact place without sleeping. */
  readonly hold?: string | undefined;
  /** Closes the socket without an answer. */
  readonly dropConnection?: boolean | undefined;
  /** Closes the socket after n events of a stream; without streaming, in the middle of the body. */
  readonly cutStreamAfterChunks?: number | undefined;
  /** Stops sending after n events and keeps the socket open; without streaming, in the middle of the body. */
  readonly hangAfterChunks?: number | undefined;
  /** The provider's own error event after n events (`response.failed`, or `error` in a chat chunk); else a 500. */
  readonly failStreamAfterChunks?: number | undefined;
  /** Waits before every event of a stream. */
  readonly slowStreamMsPerChunk?: number | undefined;
  /** Where an event of a stream holds this text, it says instead when it was written: microseconds, by this machine's `process.hrtime`. */
  readonly timeInPlaceOf?: string | undefined;
  /** JSON, or what is none, in the place of each token count that the answer reports; empty: it reports nothing. */
  readonly tokenCounts?: string | undefined;
  /** The body, or the data of one event in the middle of the stream, is cut off JSON. */
  readonly malformedJson?: boolean | undefined;
  /** A gateway's HTML page stands where events should be; without streaming, instead of the body. */
  readonly malformedSse?: boolean | undefined;
  /** The model calls this tool: other calls are renamed, and an answer without calls becomes one. */
  readonly wrongTool?: string | undefined;
  /** Neither text nor calls. */
  readonly emptyAnswer?: boolean | undefined;
  /** The arguments of the calls are cut off JSON; an answer without calls calls the first tool offered. */
  readonly unparseableArguments?: boolean | undefined;
}

export interface Fault {
  readonly when?: FaultCondition | undefined;
  readonly do: FaultAction;
}

const whole = z.number().int();

/** A fault as JSON: everything but `match`. */
export const faultSchema = z.strictObject({
  when: z
    .strictObject({
      nth: whole.min(1).optional(),
      times: whole.min(1).optional(),
      path: z.string().optional(),
      bodyIncludes: z.string().optional(),
    })
    .optional(),
  do: z.strictObject({
    status: whole.min(200).max(599).optional(),
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    retryAfter: z.union([z.number(), z.string()]).optional(),
    delayMs: z.number().min(0).optional(),
    hang: z.boolean().optional(),
    hold: z.string().optional(),
    dropConnection: z.boolean().optional(),
    cutStreamAfterChunks: whole.min(0).optional(),
    hangAfterChunks: whole.min(0).optional(),
    failStreamAfterChunks: whole.min(0).optional(),
    slowStreamMsPerChunk: z.number().min(0).optional(),
    timeInPlaceOf: z.string().min(1).optional(),
    tokenCounts: z.string().optional(),
    malformedJson: z.boolean().optional(),
    malformedSse: z.boolean().optional(),
    wrongTool: z.string().optional(),
    emptyAnswer: z.boolean().optional(),
    unparseableArguments: z.boolean().optional(),
  }),
}) satisfies z.ZodType<Fault>;

/** The faults in force. Counts matching requests per fault. */
export class FaultPlan {
  private entries: { readonly fault: Fault; seen: number }[] = [];

  add(faults: readonly Fault[]): void {
    this.entries.push(...faults.map((fault) => ({ fault, seen: 0 })));
  }

  clear(): void {
    this.entries = [];
  }

  /** The faults that strike this request; `request` is undefined for the model list. */
  strike(path: string, bytes: Buffer, request: ModelRequest | undefined): readonly Fault[] {
    return this.entries.flatMap((entry) => {
      const { when = {} } = entry.fault;
      if (when.path === undefined ? request === undefined : !path.endsWith(when.path)) return [];
      if (when.bodyIncludes !== undefined && !bytes.includes(when.bodyIncludes)) return [];
      if (when.match && !(request && when.match(request))) return [];
      entry.seen += 1;
      const first = when.nth ?? 1;
      const times = when.times ?? (when.nth === undefined ? Infinity : 1);
      return entry.seen >= first && entry.seen < first + times ? [entry.fault] : [];
    });
  }
}

/** One action of several. */
export function combineActions(faults: readonly Fault[]): FaultAction {
  return faults.reduce<FaultAction>((all, fault) => ({ ...all, ...fault.do }), {});
}

/** Cut off after a key, so that no lenient parser can complete it. */
const CUT_ARGUMENTS = '{"query": "unfinis';

/** The turn as the faults make the model say it. */
export function faultyTurn(turn: ScriptTurn, action: FaultAction, request: ModelRequest): ScriptTurn {
  if (action.emptyAnswer) return { usage: turn.usage };
  const { wrongTool, unparseableArguments } = action;
  if (wrongTool === undefined && !unparseableArguments) return turn;
  const calls = turn.calls?.length ? turn.calls : [{ name: request.toolNames[0] ?? 'unknown_tool', args: {} }];
  return {
    ...turn,
    refusal: undefined,
    text: turn.calls?.length ? turn.text : undefined,
    calls: calls.map((call) => ({
      ...call,
      name: wrongTool ?? call.name,
      args: unparseableArguments ? CUT_ARGUMENTS : call.args,
    })),
  };
}
