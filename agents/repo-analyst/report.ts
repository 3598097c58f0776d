// The one thing this agent writes, and where: the project's own state, never the folder it reads.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ToolRejection } from 'longhaul';
import { errorCode, openRoot } from './folder';

const REPORTS = 'reports';

export interface Report {
  /** Relative to the state folder. */
  path: string;
  sha256: string;
  bytes: number;
}

/**
 * Writes the report of one call, once: a repeat of the call finds it and changes nothing.
 * @param where.notInto the folder that is read
 * @throws ToolRejection when this call's report is there with other content, the reports folder leads elsewhere, or
 * the folder that is read is part of the state
 */
export async function writeReport(
  { stateDir, notInto }: { stateDir: string; notInto: string },
  call: { runId: string; effectKey: string },
  markdown: string,
): Promise<Report> {
  await refuseStateAsSource(stateDir, notInto);
  const folder = path.join(stateDir, REPORTS);
  await mkdir(folder, { recursive: true });
  if ((await realpath(folder)) !== path.join(await realpath(stateDir), REPORTS)) {
    throw new ToolRejection(
      'The reports folder is a link, and reports are written only where the project keeps its state.',
    );
  }
  const content = Buffer.from(markdown, 'utf8');
  const name = `${safeName(call.runId)}-${sha256Of(call.effectKey).slice(0, 12)}.md`;
  const report: Report = { path: `${REPORTS}/${name}`, sha256: sha256Of(content), bytes: content.length };
  const target = path.join(folder, name);
  const there = await readIfThere(target);
  if (there === undefined) await writeWhole(target, content);
  else if (!there.equals(content)) {
    throw new ToolRejection(`The report ${report.path} is there already with other content, and is left as it is.`);
  }
  return report;
}

/** A project's state may lie in the folder that is read, where no tool looks at it; the folder that is read may not lie in the state. */
async function refuseStateAsSource(stateDir: string, source: string): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  const fromState = path.relative(await realpath(stateDir), await openRoot(source));
  if (fromState !== '..' && !fromState.startsWith(`..${path.sep}`) && !path.isAbsolute(fromState)) {
    throw new ToolRejection('The folder that is read is part of the project state, and no report is written into it.');
  }
}

/** A reader sees the whole report or none, and so does the next start after a crash. */
async function writeWhole(target: string, content: Buffer): Promise<void> {
  const unfinished = `${target}.${randomUUID()}.part`;
  try {
    const file = await open(unfinished, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const sha256Of = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

/** Run ids are chosen by callers and may hold any character; the hash after the name keeps reports apart. */
const safeName = (runId: string): string => runId.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 80) || 'run';
