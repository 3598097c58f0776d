import { isFailureType, type FailureType } from '../../workflows/contract/failures';

export interface ToolFailureOptions {
  /** Whether the outside may have done what it was asked: then nobody may say that nothing happened. */
  mayHaveActed: boolean;
  /** When the other side wants to be asked again, from now. */
  retryAfterMs?: number;
  /** Another attempt could not end otherwise. */
  final?: true;
}

/** Thrown by the tools that are made here, whose failures are known better than by "it threw". */
export class ToolFailure extends Error {
  override readonly name = 'ToolFailure';
  constructor(
    readonly type: FailureType,
    /** One line, for the model, without secrets. */
    message: string,
    readonly options: ToolFailureOptions,
  ) {
    super(message);
  }
}

/** By its name: an agent's file may have loaded another copy of this one. */
export const isToolFailure = (error: unknown): error is ToolFailure =>
  error instanceof Error &&
  error.name === 'ToolFailure' &&
  'type' in error &&
  isFailureType(error.type) &&
  'options' in error;
