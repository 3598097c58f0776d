// The nodes of chains, read backwards from a head in as few round trips as can be, and kept while there is room.
import { LRUCache } from 'lru-cache';
import type { ChainNode } from '../../workflows/contract/message';
import { appendToLevels, expandLevels, parseChainIndex, type IndexedHead, type Levels } from './chain-index';
import { decodeNode, encodeNode } from './message-codec';
import type { ContentStore } from './port';

export interface Link {
  /** Hash of the message. */
  hash: string;
  /** Hash of its node: the head of the conversation that ends here. */
  node: string;
}

export interface ChainLinks {
  /** The links that `messages` add after `base`, and the nodes as objects. Nothing is written. */
  extend(base: string | null, messages: readonly string[]): { links: Link[]; objects: Uint8Array[] };
  /**
   * Oldest first.
   * @param chain name of the index that probably covers the head
   * @throws ApplicationFailure `Store.ObjectMissing`, `Store.ObjectCorrupt`
   */
  load(head: string, chain?: string): Promise<Link[]>;
  /** As `load`, as far back as it goes. */
  reach(head: string, chain?: string): Promise<Reached>;
  /** The index of a stored head, with the segments to store where it had to be made anew. */
  levelsOf(head: string | null, chain: string): Promise<{ levels: Levels; segments: Uint8Array[] }>;
  /** Keeps the index of a head that is about to be stored. */
  keepLevels(indexed: IndexedHead): void;
}

export interface Reached {
  /** The newest of the conversation, oldest first: all of it unless `broken`. */
  links: Link[];
  /** What keeps the node before the first of them from being read. */
  broken?: Error;
}

/** A node or index entry with its keys, in V8: an estimate on the safe side. */
const ENTRY_BYTES = 300;

/** By names, of which no two tenants share one: so all of them share the room. */
export interface ChainCache {
  nodes: LRUCache<string, ChainNode>;
  indexes: LRUCache<string, Levels>;
  segments: LRUCache<string, readonly string[]>;
}

export const createChainCache = (bytes: number): ChainCache => ({
  nodes: new LRUCache<string, ChainNode>({ maxSize: bytes, sizeCalculation: () => ENTRY_BYTES }),
  indexes: new LRUCache<string, Levels>({
    maxSize: bytes,
    sizeCalculation: (levels) => ENTRY_BYTES * (1 + levels.flat().length),
  }),
  segments: new LRUCache<string, readonly string[]>({
    maxSize: bytes,
    sizeCalculation: (items) => ENTRY_BYTES * (1 + items.length),
  }),
});

export function createChainLinks(store: ContentStore, { nodes, indexes, segments }: ChainCache): ChainLinks {
  function extend(base: string | null, messages: readonly string[]): { links: Link[]; objects: Uint8Array[] } {
    const links: Link[] = [];
    const objects: Uint8Array[] = [];
    let parent = base;
    for (const message of messages) {
      const bytes = encodeNode({ parent, message });
      const node = store.nameOf(bytes);
      nodes.set(node, { parent, message });
      objects.push(bytes);
      links.push({ node, hash: message });
      parent = node;
    }
    return { links, objects };
  }

  /** The links that the index gives, by node; what it says wrongly is the hash of nothing that anyone asks for. */
  async function linksByIndex(chain: string | undefined): Promise<Map<string, { links: Link[]; at: number }>> {
    const found = new Map<string, { links: Link[]; at: number }>();
    const indexed = chain === undefined ? undefined : parseChainIndex((await store.readRef(chain))?.value);
    const hashes = indexed && (await expandLevels(indexed.levels, store, segments));
    if (!hashes) return found;
    const { links } = extend(null, hashes);
    links.forEach(({ node }, at) => found.set(node, { links, at }));
    if (links.at(-1)?.node === indexed.head) indexes.set(indexed.head, indexed.levels);
    return found;
  }

  /** From the head backwards: what is kept, then the index once, otherwise node by node. */
  async function reach(head: string, chain?: string): Promise<Reached> {
    const backwards: Link[] = [];
    let indexed: Map<string, { links: Link[]; at: number }> | undefined;
    for (let at: string | null = head; at !== null;) {
      let node: ChainNode | undefined = nodes.get(at);
      if (!node) {
        indexed ??= await linksByIndex(chain);
        const known = indexed.get(at);
        if (known) return { links: [...known.links.slice(0, known.at + 1), ...backwards.reverse()] };
        try {
          node = decodeNode((await store.get([at]))[0] ?? new Uint8Array());
        } catch (broken) {
          if (!(broken instanceof Error)) throw broken;
          return { links: backwards.reverse(), broken };
        }
        nodes.set(at, node);
      }
      backwards.push({ node: at, hash: node.message });
      at = node.parent;
    }
    return { links: backwards.reverse() };
  }

  async function load(head: string, chain?: string): Promise<Link[]> {
    const { links, broken } = await reach(head, chain);
    if (broken) throw broken;
    return links;
  }

  return {
    extend,
    load,
    reach,
    levelsOf: async (head, chain) => {
      if (head === null) return { levels: [], segments: [] };
      const known = indexes.get(head);
      if (known) return { levels: known, segments: [] };
      const links = await load(head, chain);
      // A head in the middle of what was stored at once, or stored by someone who did not index it.
      return (
        present(indexes.get(head)) ??
        appendToLevels(
          store,
          [],
          links.map(({ hash }) => hash),
        )
      );
    },
    keepLevels: ({ head, levels }) => indexes.set(head, levels),
  };
}

const present = (levels: Levels | undefined): { levels: Levels; segments: Uint8Array[] } | undefined =>
  levels && { levels, segments: [] };
