// Needs: nothing but Node. Which addresses a tool may reach, which hosts, and what may stand in its URL.
import { addressJudge } from '../../activities/http/addresses';
import { urlTemplate } from '../../activities/http/url-template';
import { createWalls, requireAllowed, type Resolve } from '../../activities/http/walls';

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.9.9.9', 'loopback'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['10.1.2.3', 'private'],
  ['172.31.0.1', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['fd12:3456::1', 'private'],
  ['169.254.169.254', 'metadata'],
  ['::ffff:a9fe:a9fe', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['169.254.1.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['0.0.0.0', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['224.0.0.1', 'reserved'],
  ['::', 'reserved'],
  ['64:ff9b::a00:1', 'reserved'],
  ['2002:7f00:1::', 'reserved'],
  ['no address', 'unknown'],
  ['8.8.8.8', undefined],
  ['172.32.0.1', undefined],
  ['2606:4700::1111', undefined],
])('%s is %s', (address, kind) => expect(addressJudge(false)(address)).toBe(kind));

test('`true` allows what is inside, and nothing that hands out credentials; a list allows what it names', () => {
  const inside = addressJudge(true);
  expect(['127.0.0.1', '10.0.0.1', 'fd12::1', '::1'].map(inside)).toEqual([undefined, undefined, undefined, undefined]);
  expect(['169.254.169.254', '169.254.1.1', '0.0.0.0'].map(inside)).toEqual(['metadata', 'link-local', 'reserved']);
  const listed = addressJudge(['10.1.0.0/16', '::1', '169.254.169.254']);
  expect(['10.1.2.3', '10.2.0.1', '::1', '127.0.0.1', '169.254.169.254'].map(listed)).toEqual([
    undefined,
    'private',
    undefined,
    'loopback',
    undefined,
  ]);
  for (const wrong of ['10.0.0.0/33', 'inside', '10.0.0.0/8/8', '::1/129'])
    expect(() => addressJudge([wrong])).toThrow(`"${wrong}" is no address and no range`);
});

const resolveTo =
  (...addresses: string[]): Resolve =>
  (_, __, answer) =>
    answer(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

test('a name leads to those of its addresses alone that may be reached', async () => {
  const found = (...addresses: string[]) =>
    new Promise((resolve, reject) => {
      const { lookup } = createWalls({ hosts: ['a.example'], resolve: resolveTo(...addresses) });
      lookup('a.example', { all: true }, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  expect(await found('10.0.0.1', '8.8.8.8')).toEqual([{ address: '8.8.8.8', family: 4 }]);
  await expect(found('10.0.0.1', '::1')).rejects.toThrow(
    'a.example has a private address, which this tool is not allowed to reach.',
  );
});

test('a host is an origin: another scheme, port, user or name is another place', () => {
  const walls = createWalls({ hosts: ['api.example.com', 'other.example:8443', 'http://old.example'] });
  const allowed = (url: string) => () => requireAllowed(new URL(url), walls);
  for (const url of [
    'https://api.example.com/x',
    'https://other.example:8443/',
    'http://old.example',
    'https://API.example.com:443',
  ])
    expect(allowed(url)).not.toThrow();
  for (const url of [
    'http://api.example.com',
    'https://api.example.com:444',
    'https://api.example.com.evil.example',
    'https://other.example',
    'file:///etc/passwd',
  ])
    expect(allowed(url)).toThrow(/is not among the hosts of this tool/);
  expect(allowed('https://user:pass@api.example.com')).toThrow('a URL may not hold a user or a password.');
  for (const host of ['', 'a b', 'api.example.com/path', 'ftp://a.example', 'https://u@a.example', '*'])
    if (host !== '*') expect(() => createWalls({ hosts: [host] })).toThrow(/is no host/);
});

test.each(['http://127.1', 'http://2130706433', 'http://0x7f.0.0.1', 'http://[::ffff:127.0.0.1]', 'http://[::1]'])(
  '%s is an address however it is written',
  (url) => {
    const walls = createWalls({ hosts: [new URL(url).origin] });
    expect(() => requireAllowed(new URL(url), walls)).toThrow(/has a loopback address/);
  },
);

describe('a URL template', () => {
  const orders = urlTemplate('https://api.example.com/orders/{orderId}/items?kind={kind}', [
    'orderId',
    'kind',
    'other',
  ]);

  test('keeps each argument to its place', () => {
    expect(orders.origin).toBe('https://api.example.com');
    expect(orders.fill({ orderId: 'A/88?x=1#y', kind: '' }).href).toBe(
      'https://api.example.com/orders/A%2F88%3Fx%3D1%23y/items?kind=',
    );
    expect(orders.fill({ orderId: '%2e%2e', kind: '..' }).href).toBe(
      'https://api.example.com/orders/%252e%252e/items?kind=..',
    );
    for (const orderId of ['', '.', '..'])
      expect(() => orders.fill({ orderId, kind: 'x' })).toThrow(`orderId may not be "${orderId}".`);
    expect(() => orders.fill({ orderId: { a: 1 }, kind: 'x' })).toThrow('orderId must be given, as text or a number.');
    expect(() => orders.fill({ orderId: 'a' })).toThrow('kind must be given');
  });

  test.each([
    ['api.example.com/{orderId}', /is no URL/],
    ['https://{orderId}.example.com/', /an argument cannot stand in the host/],
    ['https://example.com:{orderId}/', /is no URL|cannot stand in the host/],
    ['https://example.com/{nothing}', /the input has no "nothing"/],
    ['https://example.com/{order id}', /is written \{name\}/],
  ])('%s is refused when it is defined', (template, why) =>
    expect(() => urlTemplate(template, ['orderId'])).toThrow(why),
  );
});
