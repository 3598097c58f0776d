// A conversation as a hash chain: a node is (parent hash, message hash), and the last node's hash, the head, names all of it.
import { LRUCache } from 'lru-cache';
import type { Message } from '../../workflows/contract/message';
import { appendToLevels, chainIndexValue } from './chain-index';
import { createChainCache, createChainLinks, type ChainCache, type Link, type Reached } from './chain-links';
import { decodeMessage } from './message-codec';
import { expandEntries, type OriginalEntry } from './original-messages';
import type { ContentStore, RefWrite } from './port';
import { chainName, earlierChainName } from './ref-names';

export interface ChainEntry extends Link {
  /** Shared with other callers, and frozen. */
  message: Message;
}

/** What to commit along with a new head. */
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
   * was loaded or indexed by this object before. Where nothing is appended, what comes is the index of `base`: for another name.
   * @param base stored
   * @param chain name of the run's index, see `chainName`
   */
  index(base: string | null, messages: readonly string[], chain: string): Promise<ChainIndex>;
  /**
   * Oldest first.
   * @param chain name of the index of the run that the head is of; without it, a cold head is followed node by node
   * @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt`
   */
  load(head: string, chain?: string): Promise<ChainEntry[]>;
  /** Which messages `load` would give, as far back as the nodes of the chain can be read: nothing of the messages themselves is. */
  reach(head: string, chain?: string): Promise<Reached>;
  /** In the order asked; shared and frozen. @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt` */
  messages(hashes: readonly string[]): Promise<Message[]>;
  /**
   * All original messages, oldest first, whatever was pruned and summed up on the way to this head.
   * @param workflowId whose run it is
   * @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt`
   */
  originals(head: string, workflowId: string): Promise<OriginalEntry[]>;
  /** As a tenant's view of the store names things. What has been read is kept for all of them together. */
  of(tenant: string): Conversation;
}

/** Bytes of messages and nodes that a worker keeps, so that it fetches only what is new. */
const CACHE_BYTES = 64 * 1024 * 1024;
/** An entry of the cache beside its message, in V8: an estimate on the safe side. */
const ENTRY_BYTES = 300;
/** One reply of a remote store holds some megabytes of it, not all of a long conversation. */
const MESSAGES_PER_GET = 512;

interface ConversationCache {
  chain: ChainCache;
  messages: LRUCache<string, { message: Message; bytes: number }>;
}

export const createConversation = (store: ContentStore, cacheBytes = CACHE_BYTES): Conversation =>
  conversationOn(store, {
    chain: createChainCache(cacheBytes / 8),
    messages: new LRUCache({ maxSize: cacheBytes, sizeCalculation: ({ bytes }) => bytes + ENTRY_BYTES }),
  });

function conversationOn(store: ContentStore, cache: ConversationCache): Conversation {
  const links = createChainLinks(store, cache.chain);
  const { messages } = cache;

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

  function extend(base: string, added: readonly string[]): { head: string; objects: Uint8Array[] };
  function extend(base: string | null, added: readonly string[]): { head: string | null; objects: Uint8Array[] };
  function extend(base: string | null, added: readonly string[]): { head: string | null; objects: Uint8Array[] } {
    const extended = links.extend(base, added);
    return { head: extended.links.at(-1)?.node ?? base, objects: extended.objects };
  }

  async function index(base: string | null, added: readonly string[], chain: string): Promise<ChainIndex> {
    const { head } = extend(base, added);
    if (head === null) return { objects: [], refs: [] };
    const before = await links.levelsOf(base, chain);
    const { levels, segments } = appendToLevels(store, before.levels, added);
    links.keepLevels({ head, levels });
    return {
      objects: [...before.segments, ...segments],
      refs: [{ op: 'put', name: chain, value: chainIndexValue({ head, levels }) }],
    };
  }

  async function load(head: string, chain?: string): Promise<ChainEntry[]> {
    const entries = await links.load(head, chain);
    const loaded = await loadMessages(entries.map(({ hash }) => hash));
    return entries.flatMap(({ node, hash }, at) => {
      const message = loaded[at];
      return message ? [{ node, hash, message }] : [];
    });
  }

  return {
    extend,
    index,
    messages: loadMessages,
    of: (tenant) => conversationOn(store.of(tenant), cache),
    load,
    reach: links.reach,
    originals: async (head, workflowId) =>
      expandEntries(await load(head, chainName(workflowId)), {
        chain: (earlier) => load(earlier, earlierChainName(workflowId, earlier)),
        messages: loadMessages,
      }),
  };
}

/** All the way down: a caller's change would otherwise reach every later reader of the cache. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}
