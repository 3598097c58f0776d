// What code an agent is made of, as one hash: the same text in another folder or on another machine has the same.
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { messageOf } from '../infra/temporal/error-reason';
import type { SourceProblem } from './source-loader';

export interface AgentCode {
  /** SHA-256 of the bundle. Installed packages are named in it, not contained. */
  hash: string;
  /** Absolute paths of all that was bundled, the entry included. */
  inputs: string[];
}

/** The code cannot be bundled: it does not parse, or imports what is not there. */
export class AgentCodeError extends Error {
  override readonly name = 'AgentCodeError';
  constructor(readonly problem: SourceProblem) {
    super(problem.message);
  }
}

/** @throws AgentCodeError */
export async function agentCode(entry: string): Promise<AgentCode> {
  const file = await realpath(entry);
  const folder = path.dirname(file);
  try {
    const { outputFiles, metafile } = await build({
      entryPoints: [file],
      // Names inside the bundle are relative to it; with the project's folder they would tell where the project lies.
      absWorkingDir: folder,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'es2023',
      charset: 'utf8',
      legalComments: 'none',
      // A comment or a space more is no other release.
      minifyWhitespace: true,
      // The loader does not read it either.
      tsconfigRaw: {},
      treeShaking: true,
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    const hash = createHash('sha256');
    for (const output of outputFiles) hash.update(output.contents);
    return {
      hash: hash.digest('hex'),
      inputs: Object.keys(metafile.inputs).map((input) => path.resolve(folder, input)),
    };
  } catch (error) {
    throw new AgentCodeError(bundleProblem(error, entry, folder));
  }
}

interface BundleMessage {
  text: string;
  location?: { file: string; line: number } | null;
}

function bundleProblem(error: unknown, entry: string, folder: string): SourceProblem {
  const [first] = isBuildFailure(error) ? error.errors : [];
  if (!first) return { file: entry, message: messageOf(error) };
  const { text, location } = first;
  return location
    ? { file: path.resolve(folder, location.file), line: location.line, message: text }
    : { file: entry, message: text };
}

const isBuildFailure = (error: unknown): error is { errors: BundleMessage[] } =>
  typeof error === 'object' && error !== null && 'errors' in error && Array.isArray(error.errors);
