// How failures leave workflow code. Bundled with it by path: the SDK asks for the export by this name. It decides nothing that a replay
// compares: failures of either form are read alike, and their texts are no part of what must match.
import { DefaultFailureConverter } from '@temporalio/common';
import { ENCODE_FAILURES_GLOBAL } from './contract/sandbox-flags';

export const failureConverter = new DefaultFailureConverter({
  encodeCommonAttributes: Reflect.get(globalThis, ENCODE_FAILURES_GLOBAL) === true,
});
