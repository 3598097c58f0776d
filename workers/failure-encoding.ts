// The one workflow bundle, told that this worker has keys.
import { readFile } from 'node:fs/promises';
import type { WorkflowBundleOption } from '@temporalio/worker';
import { ENCODE_FAILURES_GLOBAL } from '../workflows/contract/sandbox-flags';

/**
 * The bundle for a worker with keys: its workflows encode the texts of their failures, so that the codec seals them. A global set in the
 * bundle's first line, because a second bundle would double what is built and packed for the sake of one boolean.
 */
export async function encodingFailures(bundle: WorkflowBundleOption): Promise<{ code: string }> {
  const code = 'code' in bundle ? bundle.code : await readFile(bundle.codePath, 'utf8');
  // On the same line: the source map counts lines.
  return { code: `globalThis.${ENCODE_FAILURES_GLOBAL}=true;${code}` };
}
