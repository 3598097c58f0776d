// Node's test runner loads this for `longhaul test --json`: one document when all tests have ended.
interface TestEvent {
  type: string;
  data: {
    name?: string;
    file?: string;
    skip?: unknown;
    todo?: unknown;
    details?: { duration_ms?: number; error?: unknown };
  };
}

interface ReportedTest {
  name: string;
  file: string | null;
  result: 'passed' | 'failed' | 'skipped';
  ms: number;
  error?: string;
}

async function* jsonReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const tests: ReportedTest[] = [];
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name = '', file, skip, details } = data;
    const isSkipped = skip !== undefined && skip !== false;
    tests.push({
      name,
      file: file ?? null,
      result: isSkipped ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed',
      ms: details?.duration_ms ?? 0,
      ...(type === 'test:fail' ? { error: messageOf(details?.error) } : {}),
    });
  }
  const count = (result: ReportedTest['result']): number => tests.filter((test) => test.result === result).length;
  const totals = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
  yield `${JSON.stringify({ ...totals, tests }, null, 2)}\n`;
}

/** The runner wraps what a test threw. */
function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('cause' in error && typeof error.cause === 'object' && error.cause !== null && 'message' in error.cause)
    return String(error.cause.message);
  return 'message' in error ? String(error.message) : 'failed without a message';
}

export = jsonReporter;
