// What of a broken configuration can be used, for the one command that is there to say what is broken.
import { loadSettings, type Settings } from '../../workers/config';
import { ConfigError } from '../../workers/config-error';

type Options = Parameters<typeof loadSettings>[0];

/** What can be wrong in itself; the names of folders, stores and queues cannot. */
const CHECKED = /^(OPENAI_|ANTHROPIC_|LONGHAUL_(?!STATE_DIR$|STORE$|AGENTS$|TASK_QUEUE$))/;

/** With as much of file and environment as can be read, and one line for each thing that cannot. */
export async function usableSettings(options: Options): Promise<{ settings: Settings; problems: string[] }> {
  const env = Object.fromEntries(Object.entries(options.env).filter(([name]) => !CHECKED.test(name)));
  const problems = new Set<string>();
  for (const less of [{}, { withoutFile: true }, { env }]) {
    try {
      return { settings: await loadSettings({ ...options, ...less }), problems: [...problems] };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.add(error.message);
    }
  }
  return { settings: await loadSettings({ ...options, env, withoutFile: true }), problems: [...problems] };
}
