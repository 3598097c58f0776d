// A document as pieces that an agent can read: whole where it is short, else a page with what asks for the next. Nothing is cut silently.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { ClientError } from '../errors';

/** Some twelve thousand tokens: what an agent can read at once and still think. */
export const PAGE_CHARS = 40_000;
/** Of documents whose next page may be asked for: what they are changes while a run goes on, and its pages must fit together. */
const KEPT_CHARS = 32_000_000;
const CURSOR = /^(\d{1,12})\.([0-9a-f]{16})$/;

export interface Page {
  text: string;
  /** Characters of the document, from 0. */
  from: number;
  to: number;
  of: number;
  /** Absent behind the last page. */
  next?: string;
}

export interface Pages {
  /**
   * @param cursor as the page before gave it: `make` is asked only where the document is not kept any more
   * @throws ClientError `invalid-input`
   */
  page(make: () => Promise<string>, cursor?: string): Promise<Page>;
}

export function createPages(): Pages {
  const kept = new LRUCache<string, string>({
    maxSize: KEPT_CHARS,
    sizeCalculation: ({ length }) => Math.max(1, length),
  });
  return {
    page: async (make, cursor) => {
      const [, offset = '0', digest = ''] = cursor === undefined ? [] : (CURSOR.exec(cursor) ?? []);
      if (cursor !== undefined && digest === '') throw noCursor('is none that a page has given');
      const document = kept.get(digest) ?? (await make());
      const own = digestOf(document);
      if (digest !== '' && own !== digest) throw noCursor('is of a document that has changed since');
      const from = Number(offset);
      if (from > 0 && from >= document.length) throw noCursor('is behind the end');
      const to = wholeCharacters(document, from + PAGE_CHARS);
      const hasMore = to < document.length;
      if (hasMore) kept.set(own, document);
      return {
        ...{ text: document.slice(from, to), from, to, of: document.length },
        ...(hasMore ? { next: `${to}.${own}` } : {}),
      };
    },
  };
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Not between the two halves of one character. */
function wholeCharacters(text: string, end: number): number {
  const last = text.charCodeAt(end - 1);
  return end < text.length && last >= 0xd800 && last <= 0xdbff ? end - 1 : Math.min(end, text.length);
}

const noCursor = (why: string): ClientError =>
  new ClientError('invalid-input', `the cursor ${why}: ask again without one.`);
