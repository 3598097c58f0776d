// `longhaul show RUN --call failed` of a run that has ended at a model call without an answer: what that call had to read.
import {
  rebuildUnanswered,
  type NoRequest,
  type RebuiltRequest,
  type RunOfCall,
  type UnansweredCall,
} from '../../../activities/rebuild/rebuild-request';
import type { WireForm } from '../../../activities/rebuild/wire-forms';
import { preferredOrder } from '../../../activities/gateway/routing/preferred-order';
import { createConversation, type ContentStore, type Conversation } from '../../../activities/store';
import { chainName } from '../../../activities/store/ref-names';
import { orWhy } from '../../../activities/store/why-unreadable';
import type { ModelApi } from '../../../activities/model/capabilities';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { ClientError } from '../../errors';
import { formatBytes } from '../../format';
import { readManifest } from '../../releases';
import type { Message } from '../../../workflows/contract/message';
import type { ReleaseManifest } from '../../../workflows/contract/release';
import type { CliContext } from '../context';
import { curlOf } from '../curl-command';
import { EXIT } from '../exit-codes';
import { showMessage } from '../show-message';

const FORMS: { readonly [api in ModelApi]: WireForm } = {
  responses: 'openai-responses',
  chat: 'openai-chat',
  messages: 'anthropic-messages',
};

interface Unanswered {
  run: RunOfCall;
  record: RunRecord;
  unanswered: UnansweredCall;
}

/** @throws ClientError `invalid-input` where a comparison is asked for, or there is no request to print */
export async function showUnanswered(
  context: CliContext,
  store: ContentStore,
  asked: Unanswered,
  { diff, curl }: { diff?: number | undefined; curl?: boolean | undefined },
): Promise<number> {
  if (diff !== undefined)
    throw new ClientError('invalid-input', 'a call that was not answered is compared with none: leave --diff out.');
  const { got: release, why } = await orWhy(readManifest(store, asked.unanswered.release));
  if (!release) throw new ClientError('invalid-input', `the release of the call cannot be read: ${why}`);
  const routes = preferredOrder(release.model, asked.run.id);
  const request = await requestOf(context, store, asked, routes);
  if (curl === true) printCurl(context, asked.run.id, request);
  else await printCall(context, store, asked, { release, routes, request });
  return EXIT.completed;
}

function printCurl({ output, settings }: CliContext, id: string, request: RebuiltRequest | NoRequest): void {
  if ('why' in request) throw new ClientError('invalid-input', `the call has no request to print: ${request.why}`);
  const curl = curlOf(settings.providers, request) ?? '';
  const { sha256, bytes, isSame, note } = request;
  output.json({ id, call: null, curl, sha256, bytes, isSame, note: note ?? null });
  if (output.isJson) return;
  output.line(curl);
  if (note !== undefined) output.note(note);
}

interface Known {
  release: ReleaseManifest;
  routes: readonly string[];
  request: RebuiltRequest | NoRequest;
}

async function printCall(
  { output }: CliContext,
  store: ContentStore,
  { run, record: { ended }, unanswered: { head, fork, turn } }: Unanswered,
  { release, routes, request }: Known,
): Promise<void> {
  const conversation = createConversation(store.of(run.tenant));
  const { got: given, why } = await orWhy(messagesTo(conversation, head, run.id));
  const failure = ended?.failure ?? null;
  const gone = why ?? null;
  output.json({ id: run.id, call: null, fork, turn, routes, failure, given: given ?? null, gone, request });
  if (output.isJson) return;
  const { dim, yellow } = output.colors;
  const row = (name: string, value: string): void => output.line(`${dim(name.padEnd(11))} ${output.safeLine(value)}`);
  row('call', `the model call of turn ${turn}: it was not answered, and has no record`);
  if (failure) row('failure', `${failure.type}: ${failure.message}`);
  row('asked', routes.join(', then '));
  row(
    'rebuilt',
    'why' in request
      ? request.why
      : `${request.sha256}, ${formatBytes(request.bytes)}, for ${request.route}: --curl prints it`,
  );
  output.line(`\nsystem\n${output.safe(release.instructions)}`);
  const names = Object.keys(release.plan.tools);
  if (names.length > 0) output.line(`\n${dim('tools')} ${output.safeLine(names.join(', '))}`);
  output.line('\ngiven');
  if (gone !== null) output.line(yellow(`cannot be read: ${output.safeLine(gone)}`));
  for (const [at, message] of (given ?? []).entries()) showMessage(output, String(at + 1), message);
  if (!('why' in request) && request.note !== undefined) output.note(request.note);
}

async function messagesTo(conversation: Conversation, head: string, run: string): Promise<Message[]> {
  const { links, broken } = await conversation.reach(head, chainName(run));
  if (broken) throw broken;
  return await conversation.messages(links.map(({ hash }) => hash));
}

/** Of the first of the route whose server is known here. */
async function requestOf(
  { settings }: CliContext,
  store: ContentStore,
  { run, unanswered }: Pick<Unanswered, 'run' | 'unanswered'>,
  routes: readonly string[],
): Promise<RebuiltRequest | NoRequest> {
  for (const route of routes) {
    const provider = settings.providers.find(({ name }) => route.startsWith(`${name}/`));
    if (provider) return await rebuildUnanswered(store, run, unanswered, { route, form: FORMS[provider.api] });
  }
  return { why: `no provider of ${routes.join(', ')} is configured here: run this where one is.` };
}
