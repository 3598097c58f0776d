import { defineTool, ToolRejection } from 'longhaul';
import { z } from 'zod';
import { openInside, openRoot, resolveInside, type Root } from './folder';
import { writeReport } from './report';
import { search } from './search';
import { cappedLine, MAX_FILE_BYTES, readTextFile, sniffKind } from './text-file';
import { isSecretFile, walk } from './walk';

/** The folder comes from the run's input: the model cannot choose it. */
const needs = z.object({ dir: z.string() });
const under = z.string().default('.').describe('A folder inside, relative; the whole folder when left out.');

/** Some 20 KB of paths: what a model reads at a glance. */
const MAX_LISTED = 400;
const MAX_MATCHES = 60;
/** Of one reading: some 16,000 tokens at the very most. */
const MAX_LINES_READ = 400;
const MAX_CHARS_READ = 64_000;

const leftOut = z
  .object({
    ignoredFolders: z.number(),
    generatedFiles: z.number(),
    secretFiles: z.number(),
    links: z.number(),
    unreadable: z.number(),
    beyondLimit: z.number(),
  })
  .partial();

/** What is zero need not be said. */
const nonZero = <T extends object>(counts: T): Partial<T> => {
  const kept: Partial<T> = { ...counts };
  for (const key in kept) if (kept[key] === 0) delete kept[key];
  return kept;
};

export const listFiles = defineTool({
  name: 'list_files',
  description:
    'Lists the files of the folder: path, size in bytes, text or binary. Leaves out what programs made (version control, dependencies, builds, lock files), files that hold keys, and links, and counts them.',
  input: z.object({ under }),
  output: z.object({
    files: z.array(z.object({ path: z.string(), bytes: z.number(), kind: z.enum(['text', 'binary']) })),
    total: z.number().describe('Files found; the list shows at most 400 of them, those nearest to the top.'),
    leftOut,
  }),
  effect: 'read',
  needs,
  run: async ({ under: folder }, { input, signal }) => {
    const root = await openRoot(input.dir);
    const found = await walk(root, folder, signal);
    const counts = { ...found.leftOut };
    const files = [];
    for (const file of found.files.slice(0, MAX_LISTED)) {
      signal.throwIfAborted();
      const about = await describe(root, file);
      if (about) files.push({ path: file, ...about });
      else counts.unreadable += 1;
    }
    return { files, total: found.files.length, leftOut: nonZero(counts) };
  },
});

async function describe(root: Root, file: string): Promise<{ bytes: number; kind: 'text' | 'binary' } | undefined> {
  try {
    const handle = await openInside(root, file);
    try {
      return { bytes: (await handle.stat()).size, kind: await sniffKind(handle) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof ToolRejection) return undefined;
    throw error;
  }
}

export const searchText = defineTool({
  name: 'search_text',
  description:
    'Searches all text files, upper and lower case alike. match "phrase" (the default) finds lines that hold the query as it stands; "words" finds lines that hold any of its words or a word that begins with one, identifiers taken apart, lines with most of them first. No regular expressions. Answers path, line number, the line and its neighbours.',
  input: z.object({
    query: z.string().min(1).max(200).regex(/\S/, 'must hold more than blanks'),
    match: z.enum(['phrase', 'words']).default('phrase'),
    under,
    limit: z.number().int().min(1).max(MAX_MATCHES).default(30),
  }),
  output: z.object({
    matches: z.array(
      z.object({
        path: z.string(),
        line: z.number(),
        text: z.string(),
        before: z.string().optional(),
        after: z.string().optional(),
      }),
    ),
    totalMatches: z.number().describe('Lines that match, shown or not.'),
    filesWithMatches: z.number(),
    filesSearched: z.number(),
    linesSearched: z.number(),
    leftOut: leftOut.extend({
      binaryFiles: z.number().optional(),
      filesCut: z.number().optional().describe('Files of which only the first megabyte was searched.'),
      filesBeyondLimit: z.number().optional(),
    }),
  }),
  effect: 'read',
  timeout: '60s',
  needs,
  run: async (wanted, { input, signal }) => {
    const found = await search(await openRoot(input.dir), wanted, signal);
    return { ...found, leftOut: nonZero(found.leftOut) };
  },
});

export const readFile = defineTool({
  name: 'read_file',
  description:
    'Reads lines of a text file. Each line is given as its number, a tab, and its text. At most 400 lines at once; long lines and huge files are cut, binary files are not shown, and the note says so.',
  input: z.object({
    path: z.string().min(1).max(4096).describe('Relative, as list_files shows it.'),
    from: z.number().int().min(1).default(1).describe('First line, from 1.'),
    to: z.number().int().min(1).optional().describe('Last line, included; as many as fit when left out.'),
  }),
  output: z.object({
    path: z.string(),
    from: z.number(),
    to: z.number(),
    lines: z.number().describe('Lines in the file, as far as it was read.'),
    text: z.string(),
    note: z.string().optional(),
  }),
  effect: 'read',
  needs,
  run: async ({ path: wanted, from, to = Number.POSITIVE_INFINITY }, { input }) => {
    const root = await openRoot(input.dir);
    if (isSecretFile(await resolveInside(root, wanted))) {
      throw new ToolRejection(`"${wanted}" usually holds keys, and is not read.`);
    }
    const file = await openInside(root, wanted);
    try {
      const content = await readTextFile(file);
      if (content.kind === 'binary') {
        const note = `A binary file of ${content.bytes} bytes: not shown.`;
        return { path: wanted, from: 0, to: 0, lines: 0, text: '', note };
      }
      const slice = sliceOf(content.lines, from, to);
      const notes = [
        ...(content.cut ? [`The file has ${content.bytes} bytes; only its first ${MAX_FILE_BYTES} can be read.`] : []),
        ...(slice.note ? [slice.note] : []),
      ];
      return {
        path: wanted,
        from: slice.from,
        to: slice.to,
        lines: content.lines.length,
        text: slice.text,
        ...(notes.length > 0 ? { note: notes.join(' ') } : {}),
      };
    } finally {
      await file.close();
    }
  },
});

function sliceOf(lines: string[], from: number, to: number): { from: number; to: number; text: string; note?: string } {
  if (from > lines.length) {
    return {
      from: 0,
      to: 0,
      text: '',
      note: lines.length === 0 ? 'The file is empty.' : `The file has ${lines.length} lines.`,
    };
  }
  if (to < from) return { from: 0, to: 0, text: '', note: `Nothing lies between line ${from} and line ${to}.` };
  const last = Math.min(to, lines.length, from + MAX_LINES_READ - 1);
  const shown: string[] = [];
  let chars = 0;
  for (let line = from; line <= last && chars < MAX_CHARS_READ; line += 1) {
    const numbered = `${line}\t${cappedLine(lines[line - 1] ?? '')}`;
    chars += numbered.length;
    shown.push(numbered);
  }
  const end = from + shown.length - 1;
  const more = Math.min(to, lines.length) - end;
  return {
    from,
    to: end,
    text: shown.join('\n'),
    ...(more > 0 ? { note: `${more} more lines: read on from ${end + 1}.` } : {}),
  };
}

export const writeReportTool = defineTool({
  name: 'write_report',
  description:
    'Keeps a report in Markdown beside the run. Never writes into the folder that is read. Call it once, at the end.',
  input: z.object({ title: z.string().min(1).max(200), text: z.string().min(1).max(100_000) }),
  output: z.object({
    path: z.string().describe('Relative to the project state folder.'),
    sha256: z.string(),
    bytes: z.number(),
  }),
  effect: 'idempotent',
  needs,
  run: ({ title, text }, { input, stateDir, run, effectKey }) =>
    writeReport(
      { stateDir, notInto: input.dir },
      { runId: run.id, effectKey },
      `# ${title.replace(/\s+/g, ' ').trim()}\n\n${text.trimEnd()}\n`,
    ),
});
