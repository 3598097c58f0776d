import { spawn } from 'node:child_process';

/** The environment a part is started with: `process.env`, or a test's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface CommandResult {
  /** `undefined` when the command could not be started, was ended by a signal, or ran out of time. */
  code: number | undefined;
  stdout: string;
  /** Standard error, or why the command did not run. */
  stderr: string;
}

/** Runs a command to its end. It never throws: whatever goes wrong is in the result. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { env: Environment; timeoutMs: number },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => resolve({ code: undefined, stdout, stderr: error.message }));
    child.on('close', (code, signal) => {
      const ended = signal ? `ended by ${signal}, ${options.timeoutMs / 1000} s being its limit` : '';
      resolve({ code: code ?? undefined, stdout, stderr: [stderr.trim(), ended].filter(Boolean).join('; ') });
    });
  });
}

/** The last line that says something: what a person needs of a failed command's output. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
