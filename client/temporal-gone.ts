import { hasCode } from '../infra/temporal/error-reason';

const GRPC_DEADLINE_EXCEEDED = 4;
const GRPC_UNAVAILABLE = 14;

/** Whether a call failed because no server answered. @param error gRPC's own, or the SDK's, whose cause that is */
export function isTemporalGone(error: unknown): boolean {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return [error, cause].some((one) => hasCode(one, GRPC_UNAVAILABLE) || hasCode(one, GRPC_DEADLINE_EXCEEDED));
}
