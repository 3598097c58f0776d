// What is named and cannot be read: gone, damaged, or sealed with a key that is not here. The store itself answers, so all else can be read.
import { ApplicationFailure } from '@temporalio/common';

const WHY = new Map([
  ['Store.ObjectMissing', 'it is not in the store any more'],
  ['Store.ObjectCorrupt', 'what is stored of it is damaged'],
  ['Store.KeyMissing', 'it is sealed with a key that is not here'],
]);

/** In one sentence. @returns undefined of every other error */
export function whyUnreadable(error: unknown): string | undefined {
  if (!(error instanceof ApplicationFailure)) return undefined;
  const why = WHY.get(error.type ?? '');
  return why && `${why} (${error.type}: ${error.message.replace(/\.$/, '')}).`;
}

export type OrWhy<T> = { got: T; why?: never } | { got?: never; why: string };

/** What reading gives, or why it cannot be read. @throws what does not say that it cannot be read */
export async function orWhy<T>(reading: Promise<T>): Promise<OrWhy<T>> {
  try {
    return { got: await reading };
  } catch (error) {
    const why = whyUnreadable(error);
    if (why === undefined) throw error;
    return { why };
  }
}
