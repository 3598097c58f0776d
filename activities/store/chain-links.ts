// The nodes of chains, read backwards from a head in as few round trips as can be, and kept while there is room.
import { LRUCache } from 'lru-cache';
import type { ChainNode } from '../../workflows/contract/message';
import { objectHash } from './canonical-json';
import { appendToLevels, chainIndexName, expandLevels, parseChainIndex, type Levels } from './chain-index';
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
  /** Oldest first. @throws ApplicationFailure `Store.ObjectMissing`, `Store.ObjectCorrupt` */
  load(head: string): Promise<Link[]>;
  /** The index of a stored head, with the segments to store where it had to be made anew. */
  levelsOf(head: string | null): Promise<{ levels: Levels; segments: Uint8Array[] }>;
  /** Keeps the index of a head that is about to be stored. */
  keepLevels(head: string, levels: Levels): void;
}

/** A node or index entry with its keys, in V8: an estimate on the safe side. */
const ENTRY_BYTES = 300;

export function createChainLinks(store: ContentStore, cacheBytes: number): ChainLinks {
  const nodes = new LRUCache<string, ChainNode>({ maxSize: cacheBytes, sizeCalculation: () => ENTRY_BYTES });
  const indexes = new LRUCache<string, Levels>({
    maxSize: cacheBytes,
    sizeCalculation: (levels) => ENTRY_BYTES * (1 + levels.flat().length),
  });

  const readIndex = async (head: string): Promise<Levels | undefined> =>
    parseChainIndex((await store.readRef(chainIndexName(head)))?.value);

  function extend(base: string | null, messages: readonly string[]): { links: Link[]; objects: Uint8Array[] } {
    const links: Link[] = [];
    const objects: Uint8Array[] = [];
    let parent = base;
    for (const message of messages) {
      const bytes = encodeNode({ parent, message });
      const node = objectHash(bytes);
      nodes.set(node, { parent, message });
      objects.push(bytes);
      links.push({ node, hash: message });
      parent = node;
    }
    return { links, objects };
  }

  async function linksByIndex(head: string, levels: Levels): Promise<Link[] | undefined> {
    const hashes = await expandLevels(levels, store);
    const links = hashes && extend(null, hashes).links;
    if (links?.at(-1)?.node !== head) return undefined;
    indexes.set(head, levels);
    return links;
  }

  /** From the head backwards: what is kept, then the index where there is one, otherwise one node and again. */
  async function load(head: string): Promise<Link[]> {
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

  return {
    extend,
    load,
    levelsOf: async (head) => {
      if (head === null) return { levels: [], segments: [] };
      const known = indexes.get(head) ?? (await readIndex(head));
      if (known) return { levels: known, segments: [] };
      // A head in the middle of what was stored at once, or stored by someone who did not index it.
      return appendToLevels(
        [],
        (await load(head)).map(({ hash }) => hash),
      );
    },
    keepLevels: (head, levels) => indexes.set(head, levels),
  };
}
