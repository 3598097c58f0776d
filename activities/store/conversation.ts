// A conversation as a hash chain: a node is (parent hash, message hash), and the last node's hash, the head, names all of it.
import { LRUCache } from 'lru-cache';
import type { ChainNode, Message } from '../../workflows/contract/message';
import { objectHash } from './canonical-json';
import { decodeMessage, decodeNode, encodeNode } from './message-codec';
import type { ContentStore } from './port';

export interface ChainEntry {
  /** Hash of the message. */
  hash: string;
  /** Hash of its node: the head of the conversation that ends here. */
  node: string;
  message: Message;
}

export interface Conversation {
  /**
   * Links stored or about-to-be-stored messages after `base`. Nothing is written: `objects` are the nodes to commit.
   * @returns the new head
   */
  extend(base: string, messages: readonly string[]): { head: string; objects: Uint8Array[] };
  extend(base: string | null, messages: readonly string[]): { head: string | null; objects: Uint8Array[] };
  /** Oldest first. @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt` */
  load(head: string): Promise<ChainEntry[]>;
  messages(hashes: readonly string[]): Promise<Message[]>;
}

/** Bytes of messages and nodes that a worker keeps, so that it fetches only what is new. */
const CACHE_BYTES = 64 * 1024 * 1024;
const NODE_BYTES = 300;

export function createConversation(store: ContentStore, cacheBytes = CACHE_BYTES): Conversation {
  const nodes = new LRUCache<string, ChainNode>({ maxSize: cacheBytes / 8, sizeCalculation: () => NODE_BYTES });
  const messages = new LRUCache<string, { message: Message; bytes: number }>({
    maxSize: cacheBytes,
    sizeCalculation: ({ bytes }) => bytes + NODE_BYTES,
  });

  async function loadMessages(hashes: readonly string[]): Promise<Message[]> {
    const found = new Map<string, Message>();
    for (const hash of hashes) {
      const cached = messages.get(hash);
      if (cached) found.set(hash, cached.message);
    }
    const missing = [...new Set(hashes)].filter((hash) => !found.has(hash));
    const bytes = missing.length === 0 ? [] : await store.get(missing);
    missing.forEach((hash, at) => {
      const object = bytes[at] ?? new Uint8Array();
      const message = decodeMessage(object);
      messages.set(hash, { message, bytes: object.length });
      found.set(hash, message);
    });
    return hashes.flatMap((hash) => found.get(hash) ?? []);
  }

  async function loadNodes(head: string): Promise<{ node: string; hash: string }[]> {
    const backwards: { node: string; hash: string }[] = [];
    for (let at: string | null = head; at !== null;) {
      const node: ChainNode = nodes.get(at) ?? decodeNode((await store.get([at]))[0] ?? new Uint8Array());
      nodes.set(at, node);
      backwards.push({ node: at, hash: node.message });
      at = node.parent;
    }
    return backwards.reverse();
  }

  function extend(base: string, added: readonly string[]): { head: string; objects: Uint8Array[] };
  function extend(base: string | null, added: readonly string[]): { head: string | null; objects: Uint8Array[] };
  function extend(base: string | null, added: readonly string[]): { head: string | null; objects: Uint8Array[] } {
    const objects: Uint8Array[] = [];
    let head = base;
    for (const message of added) {
      const bytes = encodeNode({ parent: head, message });
      objects.push(bytes);
      head = objectHash(bytes);
    }
    return { head, objects };
  }

  return {
    extend,
    messages: loadMessages,
    load: async (head) => {
      const chain = await loadNodes(head);
      const loaded = await loadMessages(chain.map(({ hash }) => hash));
      return chain.flatMap(({ node, hash }, at) => {
        const message = loaded[at];
        return message ? [{ node, hash, message }] : [];
      });
    },
  };
}
