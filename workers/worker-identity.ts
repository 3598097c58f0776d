import { hostname } from 'node:os';
import { ownIdentity } from '../infra/temporal/process-identity';

/** `pid@host start-time`: a later process with the same pid is another worker. */
export const workerIdentity = (): string => `${process.pid}@${hostname()} ${ownIdentity().startTime}`;
