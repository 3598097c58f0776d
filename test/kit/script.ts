/**
 * What a scripted model says, turn by turn. Plain data and free of HTTP, because two readers share it: the model
 * server puts a turn on the wire, and the in-process test agent takes it as the model's answer.
 */

/** One tool call of a turn. A string in `args` is sent unchanged as the arguments text, so it may be invalid JSON. */
export interface ScriptCall {
  readonly name: string;
  readonly args: unknown;
  /** Provider's id of the call. Default: a new one for every answer, as a real provider does. */
  readonly id?: string | undefined;
}

export interface ScriptReasoning {
  /** The readable summary; Chat Completions does not carry it. */
  readonly summary: string;
  /** Opaque text a client has to send back unchanged. Default: derived from the summary. */
  readonly encrypted?: string | undefined;
  /** Of the Messages API: the block holds nothing that can be read. */
  readonly redacted?: true | undefined;
  /** Reasoning tokens reported as used. Default: an estimate from the summary's length. */
  readonly tokens?: number | undefined;
}

/** Tokens a turn reports instead of the estimate. `cached` is part of `input`, `reasoning` is part of `output`. */
export interface ScriptUsage {
  readonly input?: number | undefined;
  readonly cached?: number | undefined;
  /** Part of `input` too; the Messages API alone reports it. */
  readonly cacheWrite?: number | undefined;
  /** Part of `cacheWrite`: what is kept for an hour. */
  readonly cacheWriteHour?: number | undefined;
  readonly output?: number | undefined;
  readonly reasoning?: number | undefined;
}

/** An answer sent byte for byte by the model server. An in-process model has no wire and cannot play it. */
export interface ScriptRaw {
  /** Default 200. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A string is sent unchanged, anything else as JSON. */
  readonly body: unknown;
}

/** One answer of the model. Without text, calls, refusal and raw it is the empty answer. JSON-serialisable. */
export interface ScriptTurn {
  readonly text?: string | undefined;
  readonly calls?: readonly ScriptCall[] | undefined;
  readonly refusal?: string | undefined;
  readonly reasoning?: ScriptReasoning | undefined;
  /** Why the model stopped, where it did not stop by itself. */
  readonly cut?: 'length' | 'content_filter' | undefined;
  readonly usage?: ScriptUsage | undefined;
  readonly raw?: ScriptRaw | undefined;
}

export type ScriptRole = 'system' | 'user' | 'assistant' | 'tool';

/** What a turn may carry beside what its method is named after. */
export interface TurnExtras {
  /** Text said beside tool calls. */
  readonly text?: string | undefined;
  readonly usage?: ScriptUsage | undefined;
}

/** A tool by reference: where its `input` is a schema (zod, or any Standard Schema), it types the arguments. */
export interface ScriptTool<Input> {
  readonly name: string;
  readonly input?: { readonly '~standard': { readonly types?: { readonly input: Input } | undefined } } | undefined;
}

/** The conversation asks for a turn that the script does not have. */
export class ScriptExhaustedError extends Error {
  override readonly name = 'ScriptExhaustedError';
  constructor(
    readonly turns: number,
    readonly index: number,
  ) {
    const have = turns === 1 ? '1 turn' : `${turns} turns`;
    super(
      `The script has ${have}, and after ${index} of them the conversation asks for turn ${index + 1}. ` +
        `Add what the model says next to the script, or find out why the run goes on after its last turn.`,
    );
  }
}

/** Immutable: every method returns a new script, so that two tests can branch from one beginning. */
export class Script {
  private constructor(
    private readonly said: readonly ScriptTurn[],
    private readonly pending: ScriptReasoning | undefined,
  ) {}

  static of(turns: readonly ScriptTurn[]): Script {
    return new Script(turns, undefined);
  }

  /** The turns so far. Throws where a `reasoning()` still waits for its turn. */
  get turns(): readonly ScriptTurn[] {
    if (this.pending) {
      throw new Error('The script ends with reasoning(): it belongs to the turn after it, so add answer() or call().');
    }
    return this.said;
  }

  /** A final answer; an object becomes JSON text, as structured output is. */
  answer(value: string | object, extras: TurnExtras = {}): Script {
    return this.add({ text: typeof value === 'string' ? value : JSON.stringify(value), usage: extras.usage });
  }

  /** One tool call, by name or typed by the tool itself. */
  call(tool: string, args?: unknown, extras?: TurnExtras): Script;
  call<Input>(tool: ScriptTool<Input>, args: NoInfer<Input>, extras?: TurnExtras): Script;
  call(tool: string | ScriptTool<unknown>, args: unknown = {}, extras: TurnExtras = {}): Script {
    return this.calls([{ name: typeof tool === 'string' ? tool : tool.name, args }], extras);
  }

  /** Several tool calls in one turn. */
  calls(calls: readonly ScriptCall[], extras: TurnExtras = {}): Script {
    return this.add({ calls, text: extras.text, usage: extras.usage });
  }

  /** The model declines, in the field that both APIs keep for it. */
  refuse(text: string): Script {
    return this.add({ refusal: text });
  }

  /** An answer without text and without calls. */
  empty(): Script {
    return this.add({});
  }

  /** Text that stops at the length limit. */
  truncated(text: string): Script {
    return this.add({ text, cut: 'length' });
  }

  /** Text stopped by the provider's content filter. */
  filtered(text = ''): Script {
    return this.add({ text, cut: 'content_filter' });
  }

  /** Exact bytes (see {@link ScriptRaw}); only the model server can send them. */
  raw(raw: ScriptRaw): Script {
    return this.add({ raw });
  }

  /** Any turn as data. */
  turn(turn: ScriptTurn): Script {
    return this.add(turn);
  }

  /** Reasoning of the turn that follows. */
  reasoning(summary: string, more: Omit<ScriptReasoning, 'summary'> = {}): Script {
    return new Script(this.turns, { summary, ...more });
  }

  /**
   * What the model says next in a conversation of these roles. Chosen by the conversation, not by a counter, so that a
   * retried or resumed request gets the same answer again: every assistant message stands for one turn.
   *
   * A client may leave an empty answer out of the conversation, so where the script has an empty turn, a user message
   * that follows another user or tool message counts as the reply to it. Throws {@link ScriptExhaustedError}.
   */
  turnFor(roles: readonly ScriptRole[]): ScriptTurn {
    let index = 0;
    let asked = false;
    for (const role of roles) {
      if (role === 'assistant') {
        index += 1;
        asked = false;
      } else if (role !== 'system') {
        if (role === 'user' && asked && isEmptyTurn(this.turns[index])) index += 1;
        asked = true;
      }
    }
    return this.turnAt(index);
  }

  /** The turn at a position from 0. Throws {@link ScriptExhaustedError}. */
  turnAt(index: number): ScriptTurn {
    const turn = this.turns[index];
    if (!turn) throw new ScriptExhaustedError(this.turns.length, index);
    return turn;
  }

  toJSON(): readonly ScriptTurn[] {
    return this.turns;
  }

  private add(turn: ScriptTurn): Script {
    return new Script([...this.said, this.pending ? { ...turn, reasoning: this.pending } : turn], undefined);
  }
}

function isEmptyTurn(turn: ScriptTurn | undefined): boolean {
  return turn !== undefined && !turn.text && !turn.calls?.length && !turn.refusal && !turn.raw;
}

/** Starts a script: `script().call('refund', { orderId: 'A-88' }).answer('Done')`. */
export function script(turns: readonly ScriptTurn[] = []): Script {
  return Script.of(turns);
}

/** The arguments of a call as the text a model would have written. */
export function argumentsText(call: ScriptCall): string {
  return typeof call.args === 'string' ? call.args : JSON.stringify(call.args ?? {});
}
