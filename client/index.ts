// `longhaul/client`: starts runs, follows them, reads their results. No tool code, no worker.
export { createClient } from './connect';
export type { CreateClientOptions } from './connect';
export type { AgentClient, AgentHandle } from './agent-client';
export type { ForkOptions } from './fork-run';
export type { StartOptions } from './run-labels';
export { ClientError } from './errors';
export type { ClientErrorCode } from './errors';
export type { RunEvent } from './run-events';
export type { RunHandle } from './run-handle';
export type { Answerable, Approval, Decision, RunRequest } from './run-requests';
export type { RunResult } from './run-result';
export type { FileAbout } from './stored-file';
export type { ContentStore } from '../activities/store';
export type { FileRef, Message } from '../workflows/contract/message';
export type { RunFailure } from '../workflows/contract/failures';
export type { Outcome, RunProgress, RunTotals, Step } from '../workflows/contract/run';
export type { RunRecord } from '../workflows/contract/schemas/run-record';
