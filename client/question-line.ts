// What a run asks a person, as every command words it.
import type { RunRequest } from './run-requests';

/** A request on one line, with its arguments in full. */
export const questionLine = ({ tool, arguments: args, kind, failure }: RunRequest): string =>
  kind === 'approval'
    ? `${tool} ${JSON.stringify(args)}`
    : `${tool} ${JSON.stringify(args)} has failed (${failure?.type ?? ''}: ${failure?.message ?? ''})`;
