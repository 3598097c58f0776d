// Needs a scratch folder. What stands in a worker's log, and how long the log gets.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { coreLogger, createLogger, createMetrics } from '../../workers/telemetry';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'longhaul-log-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each(['trace', 'debug', 'info', 'warn', 'error'] as const)(
  'what the SDK logs as %s carries no content and no credentials',
  (level) => {
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
    const meta = { taskQueue: 'agents', input: { asked: 'a secret question' }, url: 'http://me:hunter2@host/' };
    coreLogger(logger, createMetrics())[level]('key sk-abcdefghijklmnopqrstuvwxyz123456', meta);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"taskQueue":"agents"');
    expect(lines[0]).not.toMatch(/secret question|hunter2|abcdefghij/);
  },
);

test('a log that has grown is put aside, once, and no line is lost on the way', async () => {
  const file = path.join(folder, 'worker.log');
  const logger = createLogger(file, 'info', 4_000);
  const seen = new Set<string>();
  const read = (): string[] => {
    const text = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
    for (const [line] of text.join('').matchAll(/"nth":\d+/g)) seen.add(line);
    return text;
  };
  for (let nth = 0; nth < 200; nth += 1) {
    logger.info({ nth }, 'x'.repeat(40));
    // Written in the background: the one before has arrived.
    while (!read().join('').includes(`"nth":${nth}}`) && !read().join('').includes(`"nth":${nth},`))
      await new Promise((resolve) => setImmediate(resolve));
  }
  expect(readdirSync(folder).sort()).toEqual(['worker.log', 'worker.log.1']);
  for (const name of readdirSync(folder)) expect(statSync(path.join(folder, name)).size).toBeLessThan(5_000);
  expect(seen.size).toBe(200);
});
