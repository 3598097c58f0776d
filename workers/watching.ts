// What a process sees of the calls that it makes: a line of its log for each, and spans where its settings say so.
import type { Logger } from 'pino';
import type { CallLine } from '../activities/tracing/port';
import type { Settings } from './config';
import { openTracing, type OpenTracing } from './tracing';
import { workerIdentity } from './worker-identity';

export interface Watching {
  log(line: CallLine): void;
  /** Closed with the worker. Absent where nothing is traced. */
  tracing?: OpenTracing;
}

export function watchingOf({ settings }: { settings: Settings }, logger: Logger): Watching {
  const log = (line: CallLine): void => logger.info(line, 'a call has ended');
  const { tracing } = settings;
  if (!tracing) return { log };
  const secrets = settings.providers.flatMap(({ keyFrom }) => settings.secret(keyFrom) ?? []);
  // As in `Bearer KEY`: the key by itself, too.
  const headers = Object.values(tracing.headers ?? {}).flatMap((value) => [value, ...value.split(' ').slice(1)]);
  return {
    log,
    tracing: openTracing({ settings: tracing, logger, instance: workerIdentity(), secrets: [...secrets, ...headers] }),
  };
}
