// Reads LMDB's file page by page, and believes no page that it has not checked. LMDB's own cursor does not check: a damaged page may
// be the end of a listing for it, and a page beyond the end of the file ends the process. So what is listed is read here, and here
// is looked where LMDB says that there is nothing; a single entry is LMDB's to read.
//
// The layout is that of LMDB's data version 2 on a 64-bit little-endian machine (MDB_meta, MDB_page and MDB_node of its mdb.c).
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The file holds something else than LMDB wrote. */
export class LmdbDamage extends Error {}

export interface LmdbEntry {
  key: Buffer;
  value: Buffer;
}

/** All of it is for a snapshot that a read transaction of this process holds: LMDB writes no page again that such a one may read. */
export interface LmdbPages {
  /** In order, from the first key that is not before `start`. @throws LmdbDamage */
  entries(table: string, start: Buffer): Iterable<LmdbEntry>;
  /**
   * What the pages say where LMDB says that there is nothing: they may be newer by the moment in which a commit is told to readers, and what
   * was listed must be found. @throws LmdbDamage
   */
  find(table: string, key: Buffer): Buffer | undefined;
  close(): void;
}

interface Tree {
  /** Undefined where it is empty. */
  root: number | undefined;
  depth: number;
}

interface Meta {
  pageBytes: number;
  pages: number;
  free: Tree;
  main: Tree;
  /** Of the transaction that wrote it. */
  transaction: number;
}

interface Node {
  key: Buffer;
  flags: number;
  /** Of a leaf: as many bytes as the value has, here or on pages of its own. */
  valueBytes: number;
  /** Of a leaf. */
  rest: Buffer;
  /** Of a branch. */
  child: number;
}

/** As LMDB writes it, then the version of the format, 2. */
const LMDB_MAGIC = Buffer.from('dec0efbe02000000', 'hex');
const HEADER_BYTES = 24;
const META_BYTES = HEADER_BYTES + 136;
const NODE_BYTES = 8;
const TREE_BYTES = 48;
const OVERFLOW_ENTRY_BYTES = 24;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
/** The kind of a page; higher bits are LMDB's notes to itself. */
const KIND = 0xff;
const ON_OWN_PAGES = 0x01;
const IS_TABLE = 0x02;
const NOTHING = Buffer.alloc(0);
const NO_PAGE = Buffer.alloc(8, 0xff);
/** Sizes of pages that LMDB writes. */
const PAGE_BYTES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768];

export function openLmdbPages(path: string): LmdbPages {
  const file = openSync(path, 'r');
  return {
    *entries(table, start) {
      const meta = newestMeta(file, path);
      yield* entriesOf(meta, reader(file, path, meta), table, start);
    },
    find(table, key) {
      const meta = newestMeta(file, path);
      const read = reader(file, path, meta);
      const tree = tableTree(meta, read, table);
      for (const node of tree ? nodesFrom(read, tree, key) : [])
        return node.key.equals(key) ? valueOf(read, node) : undefined;
      return undefined;
    },
    close: () => closeSync(file),
  };
}

/**
 * That the file has all pages that something is on: a page that is not there is a SIGBUS. It may be shorter than its number of pages
 * says, where the last ones are free and were never written; then every page that is in use is looked at. The few that say where the
 * tables are and which pages are free are looked at always: LMDB aborts over them.
 * @throws LmdbDamage
 */
export function checkFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const meta = newestMeta(file, path);
      const isShort = fstatSync(file).size < meta.pages * meta.pageBytes;
      try {
        checkPages(meta, reader(file, path, meta), isShort);
        return;
      } catch (error) {
        // Another process may have written over what was being read.
        if (newestMeta(file, path).transaction === meta.transaction) throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

function checkPages(meta: Meta, read: Reader, inTables: boolean): void {
  const trees = [meta.free, meta.main];
  for (let tree = trees.pop(); tree; tree = trees.pop()) {
    for (const node of nodesFrom(read, tree, NOTHING)) {
      if ((node.flags & IS_TABLE) === 0) valueOf(read, node);
      else if (inTables) trees.push(treeIn(read, node));
    }
  }
}

function* entriesOf(meta: Meta, read: Reader, table: string, start: Buffer): Generator<LmdbEntry> {
  const tree = tableTree(meta, read, table);
  let last: Buffer | undefined;
  for (const node of tree ? nodesFrom(read, tree, start) : []) {
    if (last && last.compare(node.key) >= 0) throw read.damage(`the keys of ${table} are not in order`);
    last = node.key;
    yield { key: node.key, value: valueOf(read, node) };
  }
}

/** @returns undefined where there is no such table yet */
function tableTree(meta: Meta, read: Reader, table: string): Tree | undefined {
  const key = Buffer.from(`${table}\0`);
  for (const node of nodesFrom(read, meta.main, key)) {
    if (!node.key.equals(key)) return undefined;
    return treeIn(read, node);
  }
  return undefined;
}

function treeIn(read: Reader, { key, flags, rest }: Node): Tree {
  if ((flags & IS_TABLE) !== 0 && rest.length === TREE_BYTES) return treeAt(rest, 0);
  throw read.damage(`${key.toString('latin1', 0, key.length - 1)} is no table`);
}

function* nodesFrom(read: Reader, { root, depth }: Tree, start: Buffer): Generator<Node> {
  if (root === undefined) return;
  const { kind, nodes } = read.page(root);
  // So that no page can lead back to itself.
  if ((kind === LEAF) !== (depth === 1)) throw read.damage(`page ${root} is of another kind than it should be`);
  for (const [at, node] of nodes.entries()) {
    if (kind === LEAF) {
      if (node.key.compare(start) >= 0) yield node;
      continue;
    }
    const next = nodes[at + 1];
    if (next && next.key.compare(start) <= 0) continue;
    yield* nodesFrom(read, { root: node.child, depth: depth - 1 }, start);
  }
}

function valueOf(read: Reader, { flags, valueBytes, rest }: Node): Buffer {
  if ((flags & ON_OWN_PAGES) === 0) return rest;
  return read.overflow(u64(rest, 0), u64(rest, 16), valueBytes);
}

type Reader = ReturnType<typeof reader>;

function reader(file: number, path: string, { pageBytes, pages }: Meta) {
  const damage = (what: string): LmdbDamage => new LmdbDamage(`${path}: ${what}`);
  const readAt = (page: number, bytes: number): Buffer => {
    if (page < 2 || page * pageBytes + bytes > pages * pageBytes) throw damage(`there can be no page ${page}`);
    const buffer = Buffer.alloc(bytes);
    const found = readSync(file, buffer, 0, bytes, page * pageBytes);
    if (found < bytes) throw cutShort(file, path, pages * pageBytes);
    if (u64(buffer, 0) !== page) throw damage(`page ${page} holds something else`);
    return buffer;
  };
  return {
    damage,
    page(page: number): { kind: number; nodes: Node[] } {
      const bytes = readAt(page, pageBytes);
      const nodes = nodesIn(bytes);
      if (!nodes) throw damage(`page ${page} is not readable`);
      return { kind: bytes.readUInt16LE(18) & KIND, nodes };
    },
    overflow(page: number, count: number, bytes: number): Buffer {
      const fits = count === Math.floor((HEADER_BYTES - 1 + bytes) / pageBytes) + 1;
      if (!fits) throw damage(`page ${page} and those behind it hold another number of bytes than they should`);
      const found = readAt(page, HEADER_BYTES + bytes);
      if ((found.readUInt16LE(18) & KIND) !== OVERFLOW) throw damage(`page ${page} holds something else`);
      return found.subarray(HEADER_BYTES);
    },
  };
}

/** @returns undefined where it is no page of nodes, or one leads out of it */
function nodesIn(page: Buffer): Node[] | undefined {
  const kind = page.readUInt16LE(18) & KIND;
  const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
  const room = page.length - HEADER_BYTES;
  if ((kind !== LEAF && kind !== BRANCH) || lower < 2 || lower % 2 !== 0 || lower > upper || upper > room)
    return undefined;
  const nodes: Node[] = [];
  for (let at = 0; at < lower; at += 2) {
    const offset = page.readUInt16LE(HEADER_BYTES + at);
    if (offset < upper || offset + NODE_BYTES > room) return undefined;
    const start = HEADER_BYTES + offset;
    const size = page.readUInt32LE(start);
    const flags = page.readUInt16LE(start + 4);
    const keyEnd = start + NODE_BYTES + page.readUInt16LE(start + 6);
    const here = kind === BRANCH ? 0 : (flags & ON_OWN_PAGES) !== 0 ? OVERFLOW_ENTRY_BYTES : size;
    if (keyEnd + here > page.length) return undefined;
    nodes.push({
      key: page.subarray(start + NODE_BYTES, keyEnd),
      flags: kind === BRANCH ? 0 : flags,
      valueBytes: size,
      rest: page.subarray(keyEnd, keyEnd + here),
      child: size + flags * 2 ** 32,
    });
  }
  return nodes;
}

/** Of the two that LMDB writes in turns. */
function newestMeta(file: number, path: string): Meta {
  for (;;) {
    const [first, again] = [readMetas(file, path), readMetas(file, path)];
    const [one, other] = first;
    // Twice alike: so neither was just being written.
    if (one.equals(again[0]) && other.equals(again[1]))
      return [metaOf(one), metaOf(other)].sort(byAge)[0] ?? metaOf(one);
  }
}

const byAge = (a: Meta, b: Meta): number => b.transaction - a.transaction;

function readMetas(file: number, path: string): [Buffer, Buffer] {
  const first = readMeta(file, path, 0);
  const { pageBytes } = metaOf(first);
  if (!PAGE_BYTES.includes(pageBytes)) throw noDatabase(path);
  return [first, readMeta(file, path, pageBytes)];
}

function readMeta(file: number, path: string, at: number): Buffer {
  const meta = Buffer.alloc(META_BYTES);
  const found = readSync(file, meta, 0, META_BYTES, at);
  const isMeta = meta.subarray(HEADER_BYTES, HEADER_BYTES + LMDB_MAGIC.length).equals(LMDB_MAGIC);
  if (isMeta && found === META_BYTES) return meta;
  if (found < META_BYTES && (at > 0 || isMeta)) throw cutShort(file, path, at + META_BYTES);
  throw noDatabase(path);
}

const noDatabase = (path: string): LmdbDamage => new LmdbDamage(`${path} is not a database of this version's format`);

function metaOf(bytes: Buffer): Meta {
  const meta = bytes.subarray(HEADER_BYTES);
  return {
    pageBytes: meta.readUInt32LE(24),
    free: treeAt(meta, 24),
    main: treeAt(meta, 24 + TREE_BYTES),
    pages: u64(meta, 120) + 1,
    transaction: u64(meta, 128),
  };
}

function treeAt(bytes: Buffer, at: number): Tree {
  const root = bytes.subarray(at + 40, at + TREE_BYTES);
  return { root: root.equals(NO_PAGE) ? undefined : u64(root, 0), depth: bytes.readUInt16LE(at + 6) };
}

/** Larger than any that there is where the bytes are no number of a page. */
const u64 = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;

const cutShort = (file: number, path: string, wanted: number): LmdbDamage =>
  new LmdbDamage(`${path} is cut short: it has ${fstatSync(file).size} of ${wanted} bytes`);
