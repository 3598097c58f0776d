// A server of MCP over stdio that does one thing wrong, named by its first argument. By hand, without any package: what it
// does wrong, a package would not do.
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [how = 'good', log] = process.argv.slice(2);

const note = (/** @type {string} */ text) => log && appendFileSync(log, `${text}\n`);
const send = (/** @type {object} */ message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

let lists = 0;
note(`start ${process.pid} ${Object.keys(process.env).sort().join(' ')}`);
if (how === 'crashes-at-start') {
  process.stderr.write(`cannot open the vault with ${process.env.VAULT_KEY}\n`);
  process.exit(3);
}
if (how === 'ignores-its-end') process.on('SIGTERM', () => note('asked to end'));

const object = (/** @type {object} */ properties, /** @type {string[]} */ required = []) => ({
  type: 'object',
  properties,
  required,
});

function tools() {
  lists += 1;
  const changed = how === 'changes' && lists > 1;
  const input = object({ text: { type: changed ? 'number' : 'string' } }, ['text']);
  if (how === 'no-schema')
    return [{ name: 'say', inputSchema: { type: 'object', properties: { text: { type: 'nonsense' } } } }];
  if (how === 'no-list') return [{ title: 'nameless' }];
  if (how === 'loses-tool' && lists > 1) return [];
  const output = object({ said: { type: 'string' } }, ['said']);
  const sing = { name: 'sing', description: 'Sings it.', inputSchema: input };
  return [
    ...(how === 'two' ? [sing] : []),
    {
      name: 'say',
      description: 'Says it.',
      inputSchema: input,
      ...(how.startsWith('lies') ? { outputSchema: output } : {}),
    },
  ];
}

/** @param {string | number} id @param {{ text?: string }} args */
function call(id, args) {
  note(`call ${args.text}`);
  const text = (/** @type {string} */ said) => ({ content: [{ type: 'text', text: said }] });
  if (how === 'dies') process.exit(1);
  else if (how === 'dies-once' && args.text === 'die') process.exit(1);
  else if (how === 'hangs' || how === 'ignores-its-end') return;
  else if (how === 'floods') flood();
  else if (how === 'lies-in-shape') send({ id, result: { ...text('x'), structuredContent: { said: 7 } } });
  else if (how === 'lies-by-omission') send({ id, result: text('x') });
  else if (how === 'fails') send({ id, result: { ...text(`no such text: ${args.text}`), isError: true } });
  else if (how === 'refuses') send({ id, error: { code: -32602, message: 'text is not to its taste' } });
  else if (how === 'garbage') send({ id, result: { content: 'not a list' } });
  else send({ id, result: text(args.text ?? '') });
}

/** Never a line end, so never a message. */
function flood() {
  const chunk = 'x'.repeat(65_536);
  const more = () => {
    while (process.stdout.write(chunk));
    process.stdout.once('drain', more);
  };
  more();
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (how === 'silent') return;
  if (method === 'initialize') {
    const { protocolVersion } = params;
    send({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'bad', version: '1' } } });
  } else if (method === 'tools/list') send({ id, result: { tools: tools() } });
  else if (method === 'tools/call') call(id, params.arguments);
  else if (method === 'ping' && how !== 'hangs') send({ id, result: {} });
});
// What it was asked to end by is the end of its input.
process.stdin.on('end', () => note(`finished ${process.pid}`));
if (how === 'ignores-its-end') setInterval(() => undefined, 1_000);
