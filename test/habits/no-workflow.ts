// Bundled to see what Temporal's own code weighs: as little as a workflow can be.
import { condition } from '@temporalio/workflow';

export async function waitForever(): Promise<void> {
  await condition(() => false);
}
