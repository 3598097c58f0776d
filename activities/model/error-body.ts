// The package finds a provider's words only under `error`. Gemini puts that into a list, older vLLM and FastAPI servers name it
// otherwise: without this, their errors would read "400 status code (no body)", and a conversation too long could not be told.
import { isJsonObject, textAt, type JsonObject } from './json';

/** The response, with the body of an error in OpenAI's own shape. Successful ones pass untouched. */
export async function withReadableError(response: Response): Promise<Response> {
  if (response.ok) return response;
  const body = await response.text();
  const error = reshaped(body);
  // The length and encoding of the old body do not hold for the new one, and nothing reads them here.
  return new Response(error ? JSON.stringify({ error }) : body, { status: response.status, headers: response.headers });
}

function reshaped(body: string): JsonObject | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  const found: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  if (!isJsonObject(found)) return undefined;
  if (isJsonObject(found.error)) return found.error;
  const message = textAt(found, 'error') ?? textAt(found, 'message') ?? textAt(found, 'detail');
  return { ...found, message: message ?? JSON.stringify(found) };
}
