// `longhaul init`: the files of a first agent, in the current folder. What is there already stays as it is.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { definitionName } from '../../../activities/define/definition-name';
import { hasCode } from '../../../infra/temporal/error-reason';
import { ClientError } from '../../errors';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { IGNORED, SCRIPTS, isNoScript, newFiles } from '../init-files';

interface Written {
  file: string;
  did: 'wrote' | 'added to' | 'kept';
}

export async function initCommand({ output, settings, cwd }: CliContext, name: string): Promise<number> {
  checkName(name);
  // A configuration above this folder speaks for another project.
  const configured = path.relative(cwd, settings.agentsDir).split(path.sep).join('/');
  const isOwn = settings.project === cwd && configured !== '' && !configured.startsWith('..');
  const project = { name, agentsDir: isOwn ? configured : 'agents' };
  // Read before anything is written: a file that cannot be extended must leave nothing half done.
  const packageJson = await extendedPackageJson(cwd);
  const written: Written[] = [];
  for (const [file, content] of newFiles(project)) written.push({ file, did: await writeNew(cwd, file, content) });
  written.push(await finished(cwd, packageJson));
  written.push(await finished(cwd, await extendedGitignore(cwd)));

  output.json({ name, agentsDir: project.agentsDir, files: written });
  for (const { file, did } of written) {
    const text = `${did.padEnd(9)} ${file}`;
    output.line(did === 'kept' ? output.colors.dim(text) : text);
  }
  output.line(`\nnext      npm test              the agent's test, in milliseconds, without a server`);
  output.line(`          npx longhaul run ${name}`);
  return EXIT.completed;
}

function checkName(name: string): void {
  try {
    definitionName('agent', name);
  } catch (error) {
    throw new ClientError('invalid-input', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** The flag makes the file system decide: what appeared a moment ago is not overwritten either. */
async function writeNew(cwd: string, file: string, content: string): Promise<Written['did']> {
  const target = path.join(cwd, file);
  try {
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, content, { flag: 'wx' });
    return 'wrote';
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return 'kept';
    throw error;
  }
}

interface Extended {
  file: string;
  did: Written['did'];
  content: string;
}

async function finished(cwd: string, { file, did, content }: Extended): Promise<Written> {
  if (did !== 'kept') await writeFile(path.join(cwd, file), content);
  return { file, did };
}

const manifestSchema = z.looseObject({ scripts: z.record(z.string(), z.unknown()).optional() });
/** As it was read, not as zod rebuilt it: the order of its keys is its owner's. */
const isManifest = (value: unknown): value is z.output<typeof manifestSchema> =>
  manifestSchema.safeParse(value).success;

async function extendedPackageJson(cwd: string): Promise<Extended> {
  const file = 'package.json';
  const text = await readIfThere(path.join(cwd, file));
  const manifest = text === undefined ? { private: true } : jsonOf(text);
  if (!isManifest(manifest)) {
    throw new ClientError('invalid-input', 'package.json is not a JSON object with scripts: mend it, then try again.');
  }
  const { scripts = {} } = manifest;
  const added = Object.entries(SCRIPTS).filter(([name]) => isNoScript(scripts[name]));
  if (text !== undefined && added.length === 0) return { file, did: 'kept', content: text };
  const extended = { ...manifest, scripts: { ...scripts, ...Object.fromEntries(added) } };
  const indent = /^[{]\r?\n([ \t]+)/.exec(text ?? '')?.[1] ?? '  ';
  const content = `${JSON.stringify(extended, null, indent)}\n`;
  return { file, did: text === undefined ? 'wrote' : 'added to', content };
}

async function extendedGitignore(cwd: string): Promise<Extended> {
  const file = '.gitignore';
  const text = await readIfThere(path.join(cwd, file));
  if (text === undefined) return { file, did: 'wrote', content: `node_modules/\n${IGNORED}\n` };
  if (text.split(/\r?\n/).some((line) => /^\/?\.longhaul\/?$/.test(line.trim()))) {
    return { file, did: 'kept', content: text };
  }
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  return { file, did: 'added to', content: `${text}${gap}${IGNORED}\n` };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
