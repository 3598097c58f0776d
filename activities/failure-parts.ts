import type { FailureType } from '../workflows/contract/failures';
import type { InputPart } from '../workflows/contract/message';

/** What the model reads of a tool call that failed. */
export const failureParts = (type: FailureType, message: string): InputPart[] => [
  { type: 'text', text: `${type}: ${message}` },
];
