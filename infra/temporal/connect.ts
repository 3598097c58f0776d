// Connects to a Temporal server, and says why that cannot be.
import type { Connection } from '@temporalio/client';
import { hasCode, reasonOf } from './error-reason';
import { openConnection } from './open-connection';
import type { ExternalTemporal } from './resolve-temporal';

/** A server was named and cannot be used. One line: its address, why, and what to do. */
export class TemporalUnreachableError extends Error {
  override readonly name = 'TemporalUnreachableError';
}

/** Long enough for a TLS handshake across the world, short enough for a person who waits. */
const CONNECT_MS = 5_000;
const GRPC = { NOT_FOUND: 5, PERMISSION_DENIED: 7, UNAUTHENTICATED: 16 } as const;

/**
 * Connects, and asks for the namespace, so that a wrong address, key or namespace is told before anything starts.
 * Throws {@link TemporalUnreachableError}. The caller closes the connection.
 */
export async function connectTemporal({ connectionOptions, namespace }: ExternalTemporal): Promise<Connection> {
  const { address, tls, apiKey, metadata } = connectionOptions;
  const opened: Connection[] = [];
  try {
    const connection = await openConnection({
      address,
      connectTimeout: CONNECT_MS,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
    });
    opened.push(connection);
    await connection.withDeadline(Date.now() + CONNECT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return connection;
  } catch (error) {
    await opened[0]?.close();
    throw new TemporalUnreachableError(unreachable(address, namespace, error));
  }
}

function unreachable(address: string, namespace: string, error: unknown): string {
  if (hasCode(error, GRPC.NOT_FOUND)) {
    return `Temporal at ${address} has no namespace "${namespace}": create it, or set TEMPORAL_NAMESPACE.`;
  }
  if (hasCode(error, GRPC.UNAUTHENTICATED) || hasCode(error, GRPC.PERMISSION_DENIED)) {
    return `Temporal at ${address} refused access to namespace "${namespace}": check TEMPORAL_API_KEY or the TLS settings.`;
  }
  return (
    `Temporal at ${address} cannot be reached (${reasonOf(error)}): start it, or correct TEMPORAL_ADDRESS or the profile, ` +
    'or unset them to use the embedded server.'
  );
}
