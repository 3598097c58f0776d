// `longhaul show RUN --call N --curl`: the exact request as a command for a shell.
import { rebuildRequest, type RunOfCall } from '../../../activities/rebuild/rebuild-request';
import type { ContentStore } from '../../../activities/store';
import type { RunCall } from '../../../activities/store/run-calls';
import { ClientError } from '../../errors';
import type { CliContext } from '../context';
import { curlOf } from '../curl-command';

/** @throws ClientError `invalid-input` where there is no request, or its server is not known here */
export async function showCurl(
  { output, settings }: CliContext,
  store: ContentStore,
  run: RunOfCall,
  call: RunCall,
): Promise<void> {
  const rebuilt = await rebuildRequest(store, run, call);
  if ('why' in rebuilt)
    throw new ClientError('invalid-input', `call ${call.number} has no request to print: ${rebuilt.why}`);
  const { route, sha256, bytes, isSame, note } = rebuilt;
  const curl = curlOf(settings.providers, rebuilt);
  if (curl === undefined) {
    const name = route.slice(0, route.indexOf('/'));
    throw new ClientError(
      'invalid-input',
      `call ${call.number} was answered by ${route}, and no provider "${name}" is configured here: run this where it is.`,
    );
  }
  output.json({ id: run.id, call: call.number, curl, sha256, bytes, isSame, note: note ?? null });
  if (output.isJson) return;
  output.line(curl);
  if (note !== undefined) output.note(note);
}
