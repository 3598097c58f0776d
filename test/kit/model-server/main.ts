// The model server as a process of its own, for tests that kill everything else. Options: JSON in the first argument,
// or in MODEL_SERVER_OPTIONS. Prints one JSON line when it is ready, and stops at SIGTERM or SIGINT.
import { z } from 'zod';
import { controlSchema, type Control } from './control';
import { startModelServer } from './model-server';
import { loadRecordings, playback } from './playback';

const optionsSchema = controlSchema.pick({ script: true, order: true, faults: true, delayMs: true }).extend({
  /** A JSON Lines file of recorded conversations, instead of `script`. */
  playback: z.string().optional(),
  apiKey: z.union([z.string(), z.array(z.string())]).optional(),
  models: z.array(z.string()).optional(),
  rateLimit: z
    .strictObject({
      requestsPerMinute: z.number().positive(),
      tokensPerMinute: z.number().positive(),
      bySecond: z.boolean().optional(),
    })
    .optional(),
  deltaChars: z.number().int().min(1).optional(),
  port: z.number().int().min(0).max(65_535).optional(),
  host: z.string().optional(),
  /** Stops when standard input ends, and so with the process that holds its other end. */
  exitWithStdin: z.boolean().optional(),
});

/** Options of a model server in a process of its own: everything that is JSON. */
export type ProcessOptions = Omit<z.input<typeof optionsSchema>, 'script' | 'faults'> &
  Pick<Control, 'script' | 'faults'>;

async function main(): Promise<void> {
  const text = process.argv[2] ?? process.env['MODEL_SERVER_OPTIONS'] ?? '{}';
  const { playback: recordings, exitWithStdin, ...options } = optionsSchema.parse(JSON.parse(text));
  const server = await startModelServer({
    ...options,
    respond: recordings === undefined ? undefined : playback(loadRecordings(recordings)),
  });
  const stop = () => void server.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (exitWithStdin) process.stdin.resume().once('end', stop);
  const { url, controlUrl, port } = server;
  process.stdout.write(`${JSON.stringify({ url, controlUrl, port, pid: process.pid })}\n`);
}

main().catch((error: unknown) => {
  const why =
    error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error);
  process.stderr.write(`model server: ${why}\n`);
  process.exit(2);
});
