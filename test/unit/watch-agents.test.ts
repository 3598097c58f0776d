// Needs nothing but a temporary folder: files are saved as editors save them, and each test waits for the reload itself.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { loadAgents } from '../../workers/load-agents';
import { watchAgents, type AgentsWatch } from '../../workers/watch-agents';
import { agentText, settingsFor, tempProject, type TempProject } from './temp-project';

const open: { watch: AgentsWatch; project: TempProject }[] = [];
afterEach(async () => {
  for (const { watch, project } of open.splice(0)) {
    await watch.close();
    project.remove();
  }
});

interface Watched {
  project: TempProject;
  /** Resolves when a reload was told of a change that fits, with all that it was told. */
  told(fits: (changed: string) => boolean): Promise<string[]>;
  calls: string[][];
}

async function watched(
  files: { [name: string]: string },
  options: { dir?: string; follow?: string[]; onChange?: () => Promise<readonly string[] | void> } = {},
): Promise<Watched> {
  const project = tempProject(files, { installed: false });
  const calls: string[][] = [];
  const waiting: { fits: (changed: string) => boolean; resolve: (changed: string[]) => void }[] = [];
  const watch = await watchAgents({
    dir: path.join(project.folder, options.dir ?? 'agents'),
    files: (options.follow ?? []).map((file) => path.join(project.folder, file)),
    onChange: async (changed) => {
      const relative = changed.map((file) => path.relative(project.folder, file));
      const follow = await options.onChange?.();
      calls.push(relative);
      for (const one of waiting.filter(({ fits }) => relative.some(fits))) one.resolve(relative);
      return follow;
    },
    onError: (error) => {
      throw error;
    },
  });
  open.push({ watch, project });
  const told: Watched['told'] = (fits) => new Promise((resolve) => waiting.push({ fits, resolve }));
  return { project, told, calls };
}

const is = (file: string) => (changed: string) => changed === path.normalize(file);

test.each(['agents/a/agent.ts', 'agents/a/tools/deep/tool.mjs', 'agents/a/instructions.md', 'agents/b.ts'])(
  'a saved %s is noticed',
  async (file) => {
    const { project, told } = await watched({ [file]: 'one' });
    const reload = told(is(file));
    project.write(file, 'two');
    await expect(reload).resolves.toEqual([path.normalize(file)]);
  },
);

test('an editor that saves by renaming is noticed each time', async () => {
  const { project, told } = await watched({ 'agents/a/agent.ts': '0' });
  for (const text of ['1', '2', '3']) {
    const reload = told(is('agents/a/agent.ts'));
    const draft = project.write('agents/a/.agent.ts.draft', text);
    renameSync(draft, path.join(project.folder, 'agents/a/agent.ts'));
    expect(await reload).toEqual(['agents/a/agent.ts']);
  }
});

test('a new folder is noticed, and what is saved in it afterwards', async () => {
  const { project, told } = await watched({ 'agents/a/agent.ts': '' });
  const made = told((changed) => changed.startsWith(path.normalize('agents/new')));
  project.write('agents/new/deep/agent.ts', '1');
  await made;
  const saved = told(is('agents/new/deep/agent.ts'));
  project.write('agents/new/deep/agent.ts', '2');
  await saved;
});

test('a folder that is removed and made again is watched again', async () => {
  const { project, told } = await watched({ 'agents/a/agent.ts': '' });
  const gone = told((changed) => changed.startsWith(path.normalize('agents/a')));
  rmSync(path.join(project.folder, 'agents/a'), { recursive: true });
  mkdirSync(path.join(project.folder, 'agents/a'));
  await gone;
  const saved = told(is('agents/a/agent.ts'));
  project.write('agents/a/agent.ts', '1');
  await saved;
});

test('a folder of agents that is not there yet is waited for', async () => {
  const { project, told } = await watched({ 'package.json': '{}' }, { dir: 'src/agents' });
  const made = told((changed) => changed === 'src' || changed === path.normalize('src/agents'));
  mkdirSync(path.join(project.folder, 'src/agents'), { recursive: true });
  await made;
  const saved = told(is('src/agents/a.ts'));
  project.write('src/agents/a.ts', '1');
  await saved;
});

test('an imported file elsewhere is followed, also one that a reload brings', async () => {
  const follow: string[] = [];
  const { project, told } = await watched(
    { 'agents/a.ts': '', 'lib/one.ts': '', 'lib/other.ts': '', 'far/away/two.ts': '' },
    { follow: ['lib/one.ts'], onChange: async () => follow },
  );
  follow.push(path.join(project.folder, 'far/away/two.ts'));
  const first = told(is('lib/one.ts'));
  project.write('lib/other.ts', 'nobody imports it');
  project.write('lib/one.ts', '1');
  expect(await first).toEqual(['lib/one.ts']);
  // The watch follows the new file once the reload has answered; saving until it tells needs no guess about when that is.
  const second = told(is('far/away/two.ts'));
  const saving = setInterval(() => project.write('far/away/two.ts', String(Math.random())), 20);
  await second.finally(() => clearInterval(saving));
});

test('what tools, editors and version control write is no change', async () => {
  const { project, told, calls } = await watched({ 'agents/a/agent.ts': '', 'agents/node_modules/x/index.js': '' });
  const reload = told(is('agents/a/agent.ts'));
  for (const name of [
    'agents/a/report.csv',
    'agents/a/.agent.ts.swp',
    'agents/node_modules/x/index.js',
    'agents/a/agent.ts~',
  ])
    project.write(name, 'x');
  project.write('agents/a/agent.ts', 'x');
  await reload;
  expect(calls.flat()).toEqual(['agents/a/agent.ts']);
});

test('many files saved together are one reload', async () => {
  const names = Array.from({ length: 20 }, (_, at) => `agents/a/tool-${String(at).padStart(2, '0')}.ts`);
  const { project, told, calls } = await watched(Object.fromEntries(names.map((name) => [name, ''])));
  const reload = told(is('agents/a/tool-19.ts'));
  for (const name of names) writeFileSync(path.join(project.folder, name), '1');
  await reload;
  expect(calls).toEqual([names]);
});

test('a change during a reload is reloaded after it, never beside it', async () => {
  let running = 0;
  let most = 0;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let entered = (): void => undefined;
  const first = new Promise<void>((resolve) => (entered = resolve));
  const { project, told } = await watched(
    { 'agents/a.ts': '', 'agents/b.ts': '' },
    {
      onChange: async () => {
        running += 1;
        most = Math.max(most, running);
        entered();
        await held;
        running -= 1;
      },
    },
  );
  const second = told(is('agents/b.ts'));
  project.write('agents/a.ts', '1');
  await first;
  project.write('agents/b.ts', '1');
  release();
  await second;
  expect(most).toBe(1);
});

test('a reload that fails is told, and the next change is noticed all the same', async () => {
  const project = tempProject({ 'agents/a.ts': '' }, { installed: false });
  const errors: unknown[] = [];
  let fail = true;
  let next = (): void => undefined;
  const turn = (): Promise<void> => new Promise((resolve) => (next = resolve));
  const watch = await watchAgents({
    dir: path.join(project.folder, 'agents'),
    files: [],
    onChange: async () => {
      if (fail) throw new Error('not this time');
      next();
    },
    onError: (error) => {
      errors.push(error);
      next();
    },
  });
  open.push({ watch, project });
  const failed = turn();
  project.write('agents/a.ts', '1');
  await failed;
  expect(errors).toEqual([new Error('not this time')]);
  fail = false;
  const worked = turn();
  project.write('agents/a.ts', '2');
  await worked;
});

test('saved instructions become a release of their own, loaded as they stand', async () => {
  const project = tempProject({
    'agents/a/agent.ts': agentText('a').replace(`'Answer.'`, `{ fromFile: './words.txt' }`),
    'agents/a/words.txt': 'before',
  });
  const load = () => loadAgents({ dir: path.join(project.folder, 'agents'), settings: settingsFor(project.folder) });
  const first = await load();
  let served = (_: string): void => undefined;
  const words = new Promise<string>((resolve) => (served = resolve));
  const watch = await watchAgents({
    dir: path.join(project.folder, 'agents'),
    files: first.files,
    onChange: async () => {
      const { agents, files } = await load();
      const instructions = agents[0]?.manifest.instructions ?? '';
      if (instructions !== '') served(instructions);
      return files;
    },
    onError: (error) => {
      throw error;
    },
  });
  open.push({ watch, project });
  project.write('agents/a/words.txt', 'after');
  expect(await words).toBe('after');
});

test('nothing is called after close, and a call under way is waited for', async () => {
  const project = tempProject({ 'agents/a.ts': '' }, { installed: false });
  const order: string[] = [];
  let entered = (): void => undefined;
  const entry = new Promise<void>((resolve) => (entered = resolve));
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const watch = await watchAgents({
    dir: path.join(project.folder, 'agents'),
    files: [],
    onChange: async () => {
      entered();
      await held;
      order.push('reloaded');
    },
    onError: () => order.push('failed'),
  });
  open.push({ watch, project });
  project.write('agents/a.ts', '1');
  await entry;
  const closed = watch.close().then(() => order.push('closed'));
  project.write('agents/a.ts', '2');
  release();
  await closed;
  expect(order).toEqual(['reloaded', 'closed']);
});
