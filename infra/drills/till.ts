// The world that the cashier's tools act on, in a process of its own with a log of its own: `node till.js LOG`. It prints its URL, and
// writes a line for each thing that is done to it before it answers, so what the log holds has happened, whoever was killed meanwhile.
//
// POST /<tool>/<item> does it, under the key of the Idempotency-Key header; GET says whether it was done. What an item is called says
// how its first request goes wrong: `error-…` is refused and not done, `silent-…` is done and never answered, `nonsense-…` is done and
// answered with something else, `hold-…` is done and held, for whoever asks to be killed.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const log = process.argv[2];
if (log === undefined) throw new Error('usage: node till.js LOG');
const asked = new Set<string>();
const done: string[] = [];

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const what = decodeURIComponent((request.url ?? '/').slice(1));
    const answer = (status: number, body: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'GET') return answer(200, { done: done.includes(what) });
    const fault = asked.has(what) ? '' : (what.split('/')[1]?.split('-')[0] ?? '');
    asked.add(what);
    if (fault === 'error') return answer(500, { error: 'the till is stuck' });
    done.push(what);
    const key = request.headers['idempotency-key'];
    appendFileSync(log, `${JSON.stringify({ what, key: typeof key === 'string' ? key : '', at: Date.now() })}\n`);
    if (fault === 'silent' || fault === 'hold') return;
    answer(200, fault === 'nonsense' ? { nonsense: true } : { receipt: `${what} ${done.length}` });
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
});
// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0));
