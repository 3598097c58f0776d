// A conversation as a hash chain: a node is (parent hash, message hash), and the last node's hash, the head, names all of it.
import { LRUCache } from 'lru-cache';
import type { ChainNode, Message } from '../../workflows/contract/message';
import { objectHash } from './canonical-json';
import {
  appendToLevels,
  chainIndexName,
  chainIndexValue,
  expandLevels,
  parseChainIndex,
  type Levels,
} from './chain-index';
import { decodeMessage, decodeNode, encodeNode } from './message-codec';
import type { ContentStore, RefWrite } from './port';

export interface ChainEntry {
  /** Hash of the message. */
  hash: string;
  /** Hash of its node: the head of the conversation that ends here. */
  node: string;
  /** Shared with other callers, and frozen. */
  message: Message;
}

export interface ChainIndex {
  objects: Uint8Array[];
  refs: RefWrite[];
}

export interface Conversation {
  /**
   * Links stored or about-to-be-stored messages after `base`. Nothing is written: `objects` are the nodes to commit.
   * @returns the new head
   */
  extend(base: string, messages: readonly string[]): { head: string; objects: Uint8Array[] };
  extend(base: string | null, messages: readonly string[]): { head: string | null; objects: Uint8Array[] };
  /**
   * What to commit along with the nodes of `extend(base, messages)`, so that the new head loads in few round trips by whoever has
   * not seen it yet. Without it the head loads all the same, node by node. Nothing is written here; nothing is read where `base`
   * was loaded or indexed by this object before.
   * @param base stored
   */
  index(base: string | null, messages: readonly string[]): Promise<ChainIndex>;
  /** Oldest first. @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt` */
  load(head: string): Promise<ChainEntry[]>;
  /** In the order asked; shared and frozen. @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt` */
  messages(hashes: readonly string[]): Promise<Message[]>;
}

/** Bytes of messages and nodes that a worker keeps, so that it fetches only what is new. */
const CACHE_BYTES = 64 * 1024 * 1024;
/** A node or cache entry with its keys, in V8: an estimate on the safe side. */
const ENTRY_BYTES = 300;
/** One reply of a remote store holds some megabytes of it, not all of a long conversation. */
const MESSAGES_PER_GET = 256;

type Link = Pick<ChainEntry, 'hash' | 'node'>;

export function createConversation(store: ContentStore, cacheBytes = CACHE_BYTES): Conversation {
  const nodes = new LRUCache<string, ChainNode>({ maxSize: cacheBytes / 8, sizeCalculation: () => ENTRY_BYTES });
  const indexes = new LRUCache<string, Levels>({
    maxSize: cacheBytes / 8,
    sizeCalculation: (levels) => ENTRY_BYTES * (1 + levels.flat().length),
  });
  const messages = new LRUCache<string, { message: Message; bytes: number }>({
    maxSize: cacheBytes,
    sizeCalculation: ({ bytes }) => bytes + ENTRY_BYTES,
  });

  async function loadMessages(hashes: readonly string[]): Promise<Message[]> {
    const found = new Map<string, Message>();
    for (const hash of hashes) {
      const cached = messages.get(hash);
      if (cached) found.set(hash, cached.message);
    }
    const missing = [...new Set(hashes)].filter((hash) => !found.has(hash));
    for (let at = 0; at < missing.length; at += MESSAGES_PER_GET) {
      const wanted = missing.slice(at, at + MESSAGES_PER_GET);
      const objects = await store.get(wanted);
      wanted.forEach((hash, nth) => {
        const object = objects[nth] ?? new Uint8Array();
        const message = frozen(decodeMessage(object));
        messages.set(hash, { message, bytes: object.length });
        found.set(hash, message);
      });
    }
    return hashes.flatMap((hash) => found.get(hash) ?? []);
  }

  /** From the head backwards: what is cached, then the index where there is one, otherwise one node and again. */
  async function loadLinks(head: string): Promise<Link[]> {
    const backwards: Link[] = [];
    for (let at: string | null = head; at !== null;) {
      let node: ChainNode | undefined = nodes.get(at);
      if (!node) {
        // Asked for together, so that a chain without an index costs no more than its nodes.
        const [index, bytes] = await Promise.all([readIndex(at), store.get([at])]);
        const earlier: Link[] | undefined = index && (await linksByIndex(at, index));
        if (earlier) return [...earlier, ...backwards.reverse()];
        node = decodeNode(bytes[0] ?? new Uint8Array());
        nodes.set(at, node);
      }
      backwards.push({ node: at, hash: node.message });
      at = node.parent;
    }
    return backwards.reverse();
  }

  const readIndex = async (head: string): Promise<Levels | undefined> =>
    parseChainIndex((await store.readRef(chainIndexName(head)))?.value);

  async function linksByIndex(head: string, levels: Levels): Promise<Link[] | undefined> {
    const hashes = await expandLevels(levels, store);
    if (!hashes) return undefined;
    const { links } = link(null, hashes);
    if (links.at(-1)?.node !== head) return undefined;
    remember(null, links);
    indexes.set(head, levels);
    return links;
  }

  function remember(base: string | null, links: readonly Link[]): void {
    links.forEach(({ node, hash }, at) => nodes.set(node, { parent: links[at - 1]?.node ?? base, message: hash }));
  }

  /** With the segments to store, where the index of `head` had to be made anew. */
  async function levelsOf(head: string | null): Promise<{ levels: Levels; segments: Uint8Array[] }> {
    if (head === null) return { levels: [], segments: [] };
    const known = indexes.get(head) ?? (await readIndex(head));
    if (known) return { levels: known, segments: [] };
    // A head in the middle of what was stored at once, or stored by someone who did not index it.
    return appendToLevels(
      [],
      (await loadLinks(head)).map(({ hash }) => hash),
    );
  }

  function extend(base: string, added: readonly string[]): { head: string; objects: Uint8Array[] };
  function extend(base: string | null, added: readonly string[]): { head: string | null; objects: Uint8Array[] };
  function extend(base: string | null, added: readonly string[]): { head: string | null; objects: Uint8Array[] } {
    const { links, objects } = link(base, added);
    remember(base, links);
    return { head: links.at(-1)?.node ?? base, objects };
  }

  return {
    extend,
    index: async (base, added) => {
      const { head } = extend(base, added);
      if (head === null || added.length === 0) return { objects: [], refs: [] };
      const before = await levelsOf(base);
      const { levels, segments } = appendToLevels(before.levels, added);
      indexes.set(head, levels);
      return {
        objects: [...before.segments, ...segments],
        refs: [{ op: 'put', name: chainIndexName(head), value: chainIndexValue(levels) }],
      };
    },
    messages: loadMessages,
    load: async (head) => {
      const chain = await loadLinks(head);
      const loaded = await loadMessages(chain.map(({ hash }) => hash));
      return chain.flatMap(({ node, hash }, at) => {
        const message = loaded[at];
        return message ? [{ node, hash, message }] : [];
      });
    },
  };
}

function link(base: string | null, messages: readonly string[]): { links: Link[]; objects: Uint8Array[] } {
  const links: Link[] = [];
  const objects: Uint8Array[] = [];
  let parent = base;
  for (const hash of messages) {
    const bytes = encodeNode({ parent, message: hash });
    parent = objectHash(bytes);
    objects.push(bytes);
    links.push({ node: parent, hash });
  }
  return { links, objects };
}

/** All the way down: a caller's change would otherwise reach every later reader of the cache. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}
