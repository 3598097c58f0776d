import { Script, ScriptExhaustedError, type ScriptTurn } from '../script';
import type { ModelRequest } from './model-request';
import { invalidRequest, WireError } from './wire-error';

/** Decides an answer. A script stands for its turn at this point of the conversation. */
export type Respond = (request: ModelRequest) => ScriptTurn | Script | Promise<ScriptTurn | Script>;

/**
 * Which turn of a script comes next. `conversation`: by the assistant messages the request holds, so that a repeated
 * request gets the same answer. `arrival`: the next one, whatever was asked; for clients that shorten conversations.
 */
export type ScriptOrder = 'conversation' | 'arrival';

export function respondFromScript(turns: Script | readonly ScriptTurn[], order: ScriptOrder = 'conversation'): Respond {
  const script = turns instanceof Script ? turns : Script.of(turns);
  let next = 0;
  return () => (order === 'arrival' ? script.turnAt(next++) : script);
}

/** The turn for a request. Every failure is a 400, because clients retry a 500 and a test should fail at once. */
export async function turnOf(respond: Respond | undefined, request: ModelRequest): Promise<ScriptTurn> {
  if (!respond) {
    throw invalidRequest(
      'This model server has nothing to say: start it with script, or with respond.',
      null,
      'no_script',
    );
  }
  try {
    const said = await respond(request);
    return said instanceof Script ? said.turnFor(request.messages.map((message) => message.role)) : said;
  } catch (error) {
    if (error instanceof WireError) throw error;
    if (error instanceof ScriptExhaustedError) throw invalidRequest(error.message, null, 'script_exhausted');
    throw invalidRequest(`The respond function of this model server threw: ${String(error)}`, null, 'respond_failed');
  }
}
