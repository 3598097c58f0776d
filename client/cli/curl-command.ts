// A model's request as a command for a shell. Its body is the bytes that were sent; its key is a variable of the shell, never the key itself.
import type { RebuiltRequest } from '../../activities/rebuild/rebuild-request';
import { messagesUrl, MESSAGES_VERSION } from '../../activities/model/messages-provider';
import { withoutCredentials } from '../../workers/describe-settings';
import { addressOf, type ProviderSettings } from '../../workers/model-settings';
import { shellBytes } from '../shell-word';
import { safeForTerminal } from './terminal-text';

/**
 * For bash, zsh, and whoever knows `$'...'`. The body goes in through a pipe: no argument of a command may be as long as a request can be.
 */
export function curlCommand(
  { form, path, body }: Pick<RebuiltRequest, 'form' | 'path' | 'body'>,
  provider: Omit<ProviderSettings, 'name'>,
): string {
  const { keyFrom, organization, project } = provider;
  const address = withoutCredentials(addressOf(provider));
  const isMessages = form === 'anthropic-messages';
  const url = `${isMessages ? messagesUrl(address) : address.replace(/\/+$/, '')}${path}`;
  const headers = [
    `'content-type: application/json'`,
    ...(isMessages
      ? [quoted(`anthropic-version: ${MESSAGES_VERSION}`), `"x-api-key: ${variable(keyFrom)}"`]
      : [`"authorization: Bearer ${variable(keyFrom)}"`]),
    ...(organization === undefined ? [] : [quoted(`openai-organization: ${organization}`)]),
    ...(project === undefined ? [] : [quoted(`openai-project: ${project}`)]),
  ];
  const options = [...headers.map((header) => `-H ${header}`), '--data-binary @-'];
  return [`printf '%s' ${quoted(body)} |`, `  curl -sS -N ${quoted(url)}`, ...options.map((one) => `    ${one}`)]
    .join(' \\\n')
    .replace('| \\\n', '|\n');
}

/** Undefined where its provider is none of these. */
export function curlOf(providers: readonly ProviderSettings[], request: RebuiltRequest): string | undefined {
  const provider = providers.find(({ name }) => request.route.startsWith(`${name}/`));
  return provider && curlCommand(request, provider);
}

/** A name that is none of a shell's variables is looked up among those of its environment. */
const variable = (name: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `$${name}` : `$(printenv ${quoted(name)})`;

/** Nothing in it is expanded, as it stands or pasted into a shell that keeps a history. */
function quoted(text: string): string {
  if (safeForTerminal(text) === text) return `'${text.replaceAll("'", `'\\''`)}'`;
  // A terminal would act on some of it: those are written by their bytes, which are the same in any locale.
  return shellBytes(text, (char) => safeForTerminal(char) !== char);
}
