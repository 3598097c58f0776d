// Tokens of messages, by the model's own vocabulary where it is known. Never in a workflow: the vocabulary is 70 MB once loaded.
import type * as encodingModule from 'gpt-tokenizer/cjs/encoding/o200k_base';
import type * as mappingModule from 'gpt-tokenizer/cjs/mapping';
import { LRUCache } from 'lru-cache';
import type { Message } from '../../workflows/contract/message';
import { canonicalJson } from '../store/canonical-json';
import { isListedModel, namesOfModel } from './model-window';

export interface TokenCounter {
  /** Counted once per message object: messages are frozen, and shared by who reads the same conversation. */
  count(message: Message): number;
  /** Of these, what no vocabulary tells: images, files, and reasoning, which many adapters do not send back. */
  countEstimated(message: Message): number;
  countText(text: string): number;
  /** Of what comes with each request of a release: counted once. */
  countAgain(text: string): number;
  /** False for models whose vocabulary is not known: then o200k's count is an estimate, some tens of percent off at worst. */
  isExact: boolean;
}

type EncodingName = 'o200k_base' | 'cl100k_base' | 'p50k_base' | 'r50k_base';
type Encoding = Pick<typeof encodingModule, 'countTokens'>;
type Part = Message['parts'][number];
interface Counted {
  tokens: number;
  estimated: number;
}

/**
 * Around each message: three tokens of framing and one of the role, as OpenAI's cookbook counts chat messages ("How to count tokens with
 * tiktoken") and gpt-tokenizer does.
 */
const MESSAGE_TOKENS = 4;
/** Around each tool call, and the tool's name before its result: as gpt-tokenizer counts function calls. */
const CALL_TOKENS = 3;
/**
 * An image, whose size in pixels is not known here: what OpenAI's vision guide gives for the largest one in high detail, 85 and 170 for
 * each of eight tiles.
 */
const IMAGE_TOKENS = 1_445;
/** Text and its like: the rule of thumb for English. */
const BYTES_PER_TOKEN_OF_TEXT = 4;
/** Any other file, as of PDFs with pages of some 75 KB, which become text and an image of some 1,500 tokens. */
const BYTES_PER_TOKEN_OF_FILE = 50;
const FILE_TOKENS_LEAST = 1_000;

/** Long runs of one letter cost the square of their length, so no piece is longer than this. */
const PIECE_CHARS = 1_000;
/** Where a piece may end from. */
const PIECE_CHARS_LEAST = 750;
/**
 * Places where every vocabulary's own splitting has a boundary, so that the pieces count as the whole does: after a letter or digit,
 * before a mark that is no apostrophe, or before one space and a letter; and between a line's end and a letter.
 */
const BOUNDARY = /(?<=[\p{L}\p{N}])(?=[",.:;(){}[\]]| \p{L})|(?<=\n)(?=\p{L})/u;

/** By model: each call asks, and the mapping is long. */
const ENCODING_OF = new LRUCache<string, { name: EncodingName; isExact: boolean }>({ max: 200 });
const encodings = new Map<EncodingName, Encoding>();
const counted = new Map<EncodingName, WeakMap<Message, Counted>>();
const bounds = new WeakMap<Message, number>();
/** Instructions and definitions of tools, of all releases that a worker serves at a time. */
const TEXTS_KEPT = 1_000;
const countedTexts = new Map<EncodingName, LRUCache<string, number>>();

/** @param model `provider/model`, or the model's name alone. No vocabulary is loaded before the first count. */
export function tokenCounter(model: string): TokenCounter {
  const { name, isExact } = ENCODING_OF.get(model) ?? encodingOf(model);
  ENCODING_OF.set(model, { name, isExact });
  const known = counted.get(name) ?? new WeakMap<Message, Counted>();
  counted.set(name, known);
  const countText = (text: string): number => countPieces(encoding(name), text);
  const texts = countedTexts.get(name) ?? new LRUCache<string, number>({ max: TEXTS_KEPT });
  countedTexts.set(name, texts);
  const countAgain = (text: string): number => {
    const tokens = texts.get(text) ?? countText(text);
    texts.set(text, tokens);
    return tokens;
  };
  const countOf = (message: Message): Counted => {
    const before = known.get(message);
    if (before) return before;
    const made = {
      tokens: tokensOf(message, countText),
      estimated: sumOf(
        message.parts.filter(({ type }) => ESTIMATED.has(type)),
        countText,
      ),
    };
    known.set(message, made);
    return made;
  };
  return {
    isExact,
    countText,
    countAgain,
    count: (message) => countOf(message).tokens,
    countEstimated: (message) => countOf(message).estimated,
  };
}

const ESTIMATED: ReadonlySet<Part['type']> = new Set(['image', 'file', 'reasoning']);

/** At most so many tokens in any vocabulary, which all work on bytes: cheap, and enough to know that no limit is near. */
export function tokenBound(message: Message): number {
  const before = bounds.get(message);
  if (before !== undefined) return before;
  const bound = tokensOf(message, textBound);
  bounds.set(message, bound);
  return bound;
}

export const textBound = (text: string): number => Buffer.byteLength(text);

function tokensOf(message: Message, ofText: (text: string) => number): number {
  const name = message.role === 'tool' ? ofText(message.name) + 1 : 0;
  return MESSAGE_TOKENS + name + sumOf(message.parts, ofText);
}

const sumOf = (parts: readonly Part[], ofText: (text: string) => number): number =>
  parts.reduce((sum, part) => sum + tokensOfPart(part, ofText), 0);

function tokensOfPart(part: Part, ofText: (text: string) => number): number {
  switch (part.type) {
    case 'text':
    // What came back of the model's reasoning is shorter than what some providers want back: an estimate.
    case 'reasoning':
      return ofText(part.text);
    case 'tool-call':
      return ofText(part.name) + ofText(argumentsText(part)) + CALL_TOKENS;
    case 'image':
      return IMAGE_TOKENS;
    case 'file':
      return tokensOfFile(part.file);
  }
}

function argumentsText({ arguments: args, malformed }: Extract<Part, { type: 'tool-call' }>): string {
  const { unparsed } = args;
  return malformed && typeof unparsed === 'string' ? unparsed : Buffer.from(canonicalJson(args)).toString();
}

function tokensOfFile({ mediaType, bytes }: { mediaType: string; bytes: number }): number {
  if (/^text\/|[/+](json|xml|yaml)$/.test(mediaType)) return Math.ceil(bytes / BYTES_PER_TOKEN_OF_TEXT);
  return Math.max(FILE_TOKENS_LEAST, Math.ceil(bytes / BYTES_PER_TOKEN_OF_FILE));
}

/** Text that names a special token is text: it came from a person or a tool, and is sent as such. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

function countPieces({ countTokens }: Encoding, text: string): number {
  let tokens = 0;
  for (let at = 0; at < text.length;) {
    const end = pieceEnd(text, at);
    tokens += countTokens(text.slice(at, end), AS_TEXT);
    at = end;
  }
  return tokens;
}

function pieceEnd(text: string, at: number): number {
  const last = at + PIECE_CHARS;
  if (last >= text.length) return text.length;
  // One character before, for what the boundary looks back at, and two after it.
  const from = at + PIECE_CHARS_LEAST - 1;
  const found = text.slice(from, last + 2).search(BOUNDARY);
  if (found > 0) return from + found;
  const splitsPair = /[\ud800-\udbff]/.test(text.charAt(last - 1)) && /[\udc00-\udfff]/.test(text.charAt(last));
  return splitsPair ? last - 1 : last;
}

/** The package's mapping names only the exceptions: other models of its table use its default. */
function encodingOf(model: string): { name: EncodingName; isExact: boolean } {
  const { modelToEncodingMap } = require('gpt-tokenizer/cjs/mapping') as typeof mappingModule;
  const mapping = new Map<string, string>(Object.entries(modelToEncodingMap));
  const known = namesOfModel(model).find((name) => mapping.has(name) || isListedModel(name));
  if (known === undefined) return { name: 'o200k_base', isExact: false };
  return { name: vocabularyOf(mapping.get(known)), isExact: true };
}

function vocabularyOf(name: string | undefined): EncodingName {
  switch (name) {
    case 'cl100k_base':
    case 'p50k_base':
    case 'r50k_base':
      return name;
    case 'p50k_edit':
      return 'p50k_base';
    case 'gpt2':
      return 'r50k_base';
    // o200k_harmony differs in special tokens alone, which are not counted here.
    default:
      return 'o200k_base';
  }
}

function encoding(name: EncodingName): Encoding {
  const known = encodings.get(name);
  if (known) return known;
  const loaded = load(name);
  encodings.set(name, loaded);
  return loaded;
}

/** Spelled out, so that bundlers and the search for unused dependencies see what is loaded. */
function load(name: EncodingName): Encoding {
  switch (name) {
    case 'o200k_base':
      return require('gpt-tokenizer/cjs/encoding/o200k_base') as Encoding;
    case 'cl100k_base':
      return require('gpt-tokenizer/cjs/encoding/cl100k_base') as Encoding;
    case 'p50k_base':
      return require('gpt-tokenizer/cjs/encoding/p50k_base') as Encoding;
    case 'r50k_base':
      return require('gpt-tokenizer/cjs/encoding/r50k_base') as Encoding;
  }
}
