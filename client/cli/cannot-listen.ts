// Why a server of a command does not listen, in words: a port that is taken, or an address that is none of this machine.
import { codeOf } from '../../infra/temporal/error-reason';
import { ClientError } from '../errors';

interface ListenFlags {
  /** Such as `--port`. */
  port: string;
  /** Such as `--host`. */
  host: string;
}

/** @returns the error itself, where it says something else */
export function cannotListen(
  error: unknown,
  flags: ListenFlags,
  { port, host = '' }: { port?: number | undefined; host?: string | undefined },
): unknown {
  const why = reasonOf(codeOf(error), flags, { named: port === undefined ? 'that port' : `port ${port}`, host });
  return why === undefined ? error : new ClientError('misconfigured', why, { cause: error });
}

function reasonOf(
  code: string | undefined,
  flags: ListenFlags,
  { named, host }: { named: string; host: string },
): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `${named} is taken: give another, or ${flags.port} 0 for a free one.`;
    case 'EACCES':
      return `${named} may not be listened on by this user: give another, or ${flags.port} 0 for a free one.`;
    // An address of another scope, such as fe80::1 without its interface, is EINVAL.
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
      return `${flags.host} "${host}" is no address of this machine.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NONAME':
      return `${flags.host} "${host}" is neither an address nor a name that this machine knows.`;
    default:
      return undefined;
  }
}
