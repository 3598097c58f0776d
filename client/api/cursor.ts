// Where a page of a list has ended, sealed: the last that was looked at for it may be somebody else's, and its name is not the caller's to know.
import type { ContentStore } from '../../activities/store';
import { Problem } from './problem';
import { sealed, unsealed } from './sealed';

/** The longest name that a list goes by, and what seals it. */
export const CURSOR_CHARS = 1_000;

/** @param list its cursors say nothing to another one */
export const sealedCursor = (store: ContentStore, list: string, place: string): Promise<string> =>
  sealed(store, list, place);

/** @throws Problem `Api.Invalid` */
export async function openedCursor(store: ContentStore, list: string, cursor: string): Promise<string> {
  const place = await unsealed(store, list, cursor);
  if (place !== undefined) return place;
  const errors = [{ parameter: 'cursor', detail: 'none that a page has given' }];
  throw new Problem('Api.Invalid', 'the cursor is none of this list.', { errors });
}
