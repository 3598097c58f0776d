// Loaded by path, by the Temporal SDK, in workers and clients that have keys: texts and stacks of failures become payloads, which the
// codec seals. The sandbox of workflow code has its own: workflows/failure-converter.ts.
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
