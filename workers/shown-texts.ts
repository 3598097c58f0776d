// What a worker shows of answers while they come: opened beside it, and closed after its last call.
import type { TextPublisher } from '../activities/stream/port';
import { openTextPublisher } from '../activities/stream/open-streams';
import { messageOf } from '../infra/temporal/error-reason';
import type { Settings } from './config';
import type { RunningWorker } from './start-worker';

export interface ShownTextsOptions {
  settings: Settings;
  note?(line: string): void;
}

/** What keeps answers from being shown keeps no run from going on. */
export async function withShownTexts(
  { settings, note }: ShownTextsOptions,
  start: (texts: TextPublisher | undefined) => Promise<RunningWorker>,
): Promise<RunningWorker> {
  const texts = await openTextPublisher(settings).catch((error: unknown) => {
    note?.(`problem  nobody can watch answers while they come: ${messageOf(error)}`);
    return undefined;
  });
  try {
    const worker = await start(texts);
    const finished = worker.finished.finally(() => texts?.close());
    finished.catch(() => undefined);
    return { ...worker, finished };
  } catch (error) {
    await texts?.close();
    throw error;
  }
}
