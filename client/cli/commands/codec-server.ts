// `longhaul codec-server`: clear text for Temporal's Web UI and command line, while it runs. `dev` starts one of its own.
import { createPayloadCodec, type KeyRing } from '../../../activities/keys';
import { hasCode } from '../../../infra/temporal/error-reason';
import { ClientError } from '../../errors';
import { findTemporal } from '../../find-temporal';
import { cannotListen } from '../cannot-listen';
import { DEFAULT_CODEC_PORT, startCodecServer, type CodecServer } from '../codec-server';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

export interface CodecServerCommandOptions {
  /** 0 for a free one. @default 8234 */
  port?: number;
  /** @default 127.0.0.1 */
  host?: string;
  /** Of web pages that may read, beside the Web UI of this folder's `dev` and of Temporal's default. */
  origin?: string[];
}

const DEFAULT_UI = 'http://localhost:8233';
const TOKEN = 'LONGHAUL_CODEC_TOKEN';

export const isCodecTokenSet = ({ env }: CliContext): boolean => !!env[TOKEN];

/** A page is opened by either name of this machine, and a browser takes them for two origins. */
export const originsOf = (url: string): string[] => {
  const { protocol, hostname, port } = new URL(url);
  const names = ['localhost', '127.0.0.1'];
  const hosts = names.includes(hostname) ? names : [hostname];
  return hosts.map((host) => new URL(`${protocol}//${host}${port === '' ? '' : `:${port}`}`).origin);
};

export async function codecServerCommand(context: CliContext, options: CodecServerCommandOptions): Promise<number> {
  const { settings, env, output } = context;
  const { keys } = settings;
  if (!keys) throw new ClientError('misconfigured', 'no keys are set, so nothing is sealed: set LONGHAUL_KEYS.');
  const token = env[TOKEN] || undefined;
  const origins = [DEFAULT_UI, uiOf(context), ...(options.origin ?? [])].flatMap((url) => originsFrom(url));
  const server = await started({ port: DEFAULT_CODEC_PORT, ...options }, () =>
    startCodecServer({
      codec: createPayloadCodec(keys),
      port: options.port ?? DEFAULT_CODEC_PORT,
      origins: () => origins,
      ...(options.host === undefined ? {} : { host: options.host }),
      ...(token === undefined ? {} : { token }),
    }),
  );
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  output.json({ ready: true, pid: process.pid, url: server.url, keys: keys.ids, token: token !== undefined, origins });
  output.line(`codec     ${codecLine(server.url, token !== undefined)}`);
  output.line(`keys      ${keys.ids.join(', ')}`);
  output.line(`pages     ${origins.join(', ')}`);
  await stopped;
  await server.close();
  return EXIT.completed;
}

/** What to type, so that Temporal's command line shows clear text. */
export const codecLine = (url: string, token: boolean): string =>
  `temporal workflow show -w RUN --codec-endpoint ${url}${token ? ` --codec-auth "Bearer $${TOKEN}"` : ''}`;

/** Beside a `dev`: on another port where the usual one is taken, as its other servers do. */
export async function startDevCodecServer(
  keys: KeyRing,
  env: CliContext['env'],
  uiUrl: () => string | undefined,
): Promise<CodecServer> {
  const token = env[TOKEN] || undefined;
  const start = (port: number): Promise<CodecServer> =>
    startCodecServer({
      codec: createPayloadCodec(keys),
      port,
      origins: () => originsOf(uiUrl() ?? DEFAULT_UI),
      ...(token === undefined ? {} : { token }),
    });
  return await start(DEFAULT_CODEC_PORT).catch((error: unknown) => {
    if (hasCode(error, 'EADDRINUSE')) return start(0);
    throw error;
  });
}

function uiOf({ settings, env }: CliContext): string | undefined {
  try {
    return findTemporal({ env, stateDir: settings.stateDir }).uiUrl;
  } catch {
    // No server is needed here, nor one that is well configured.
    return undefined;
  }
}

function originsFrom(url: string | undefined): string[] {
  if (url === undefined) return [];
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ClientError('invalid-input', `--origin "${url.slice(0, 80)}" is not http://host:port or https://host.`);
  }
  return originsOf(url);
}

async function started(asked: CodecServerCommandOptions, start: () => Promise<CodecServer>): Promise<CodecServer> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof TypeError) throw new ClientError('misconfigured', `${error.message} Set ${TOKEN}.`);
    throw cannotListen(error, { port: '--port', host: '--host' }, asked);
  }
}
