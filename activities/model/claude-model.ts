// What is known of Claude models by their names: family and version decide how a request must look. From Anthropic's models overview
// and its guides to thinking and structured outputs (November 2026).

export interface ClaudeModel {
  /** Tokens it can read. */
  window: number;
  /** Tokens it can write in one answer. */
  maxOutput: number;
  /** `adaptive`: it decides itself how long to think, and `effort` says how hard. `budget`: a number of tokens, older models alone. */
  thinking: 'adaptive' | 'always' | 'budget' | 'none';
  /** Whether the API can hold it to a schema. */
  takesFormat: boolean;
}

/** Also as gateways and clouds write it: `anthropic/claude-sonnet-4.5`, `anthropic.claude-opus-4-6-v1`, `claude-haiku-4-5@20251001`. */
const NEW_NAME = /claude-(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/;
const OLD_NAME = /claude-(\d)(?:[-.](\d))?-(opus|sonnet|haiku)/;

const K = 1_000;

/** @returns undefined for names that are no Claude model's */
export function claudeModel(name: string): ClaudeModel | undefined {
  const found = parse(name);
  return found && described(found.family, found.version);
}

function parse(name: string): { family: string; version: number } | undefined {
  const lower = name.toLowerCase();
  const now = NEW_NAME.exec(lower);
  if (now) return { family: now[1] ?? '', version: versionOf(now[2], now[3]) };
  const old = OLD_NAME.exec(lower);
  if (old) return { family: old[3] ?? '', version: versionOf(old[1], old[2]) };
  return /claude-mythos-preview/.test(lower) ? { family: 'mythos', version: 4.7 } : undefined;
}

const versionOf = (major = '0', minor = '0'): number => Number(major) + Number(minor) / 10;

function described(family: string, version: number): ClaudeModel {
  const isAlways = family === 'fable' || family === 'mythos' || (family === 'opus' && version >= 5.5);
  return {
    window: version >= 4.6 ? K * K : 200 * K,
    maxOutput: maxOutputOf(family, version),
    thinking: isAlways ? 'always' : version >= 4.6 ? 'adaptive' : version >= 3.7 ? 'budget' : 'none',
    takesFormat: version >= 4.5,
  };
}

function maxOutputOf(family: string, version: number): number {
  if (version >= 4.6) return version >= 5 || family !== 'sonnet' ? 128 * K : 64 * K;
  if (version >= 4.5) return 64 * K;
  if (version >= 4) return family === 'opus' ? 32 * K : 64 * K;
  if (version >= 3.7) return 64 * K;
  return version >= 3.5 ? 8_192 : 4_096;
}
