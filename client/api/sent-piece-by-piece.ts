// An answer that is written while it is made, by whoever makes it.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Problem } from './problem';
import type { ApiDeps, ApiRequest } from './route';

/**
 * @param write to the response of Node itself
 * @throws what went wrong before anything was written: that is answered as ever
 */
export async function sentPieceByPiece(
  { node, gone, report }: Pick<ApiRequest<unknown, unknown, unknown>, 'node' | 'gone'> & Pick<ApiDeps, 'report'>,
  write: () => Promise<void>,
): Promise<Response> {
  try {
    await write();
  } catch (error) {
    if (!node.outgoing.headersSent) throw error;
    if (!(error instanceof Problem) && !gone.aborted) report(error);
    // Cut, not ended: an end would say that this was all.
    node.outgoing.destroy();
  }
  return RESPONSE_ALREADY_SENT;
}
