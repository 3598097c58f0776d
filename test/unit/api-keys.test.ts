// Needs: nothing. Keys of the API: as they are made, configured and found; what cannot be meant is refused where the configuration is read.
import { apiKeyHash, apiSigningKey, findApiKey, newApiKey } from '../../activities/keys/api-key';
import { publicKeyText } from '../../activities/keys/decision-signature';
import { safeText } from '../../activities/redact';
import { idempotencyKeyOf } from '../../client/api/idempotency';
import { limitedTo } from '../../activities/define/limited-to';
import { loadSettings } from '../../workers/config';
import { tempProject, type TempProject } from './temp-project';

const projects: TempProject[] = [];
afterAll(() => projects.forEach((project) => project.remove()));

const settingsOf = async (config: unknown) => {
  const text = `export default ${JSON.stringify(config)};`;
  const project = tempProject({ 'package.json': '{}', 'longhaul.config.ts': text });
  projects.push(project);
  return await loadSettings({ cwd: project.folder, env: {} });
};

const [key, other] = [newApiKey(), newApiKey()];
const [hash, signs] = [apiKeyHash(key), publicKeyText(apiSigningKey(key))];

test('a key is found by its hash alone, and signs by a key that follows from it', () => {
  const keys = [
    { hash: apiKeyHash(other), name: 'other' },
    { hash, name: 'own' },
  ];
  expect(findApiKey(keys, key)?.name).toBe('own');
  expect(findApiKey(keys, newApiKey())).toBeUndefined();
  expect(findApiKey(keys, hash)).toBeUndefined();
  expect(findApiKey([{ hash: 'sha256:' }], '')).toBeUndefined();
  expect(publicKeyText(apiSigningKey(key))).toBe(signs);
  expect(publicKeyText(apiSigningKey(other))).not.toBe(signs);
});

test('a key does not show in what is said', () => {
  expect(safeText(`refused ${key} twice`)).toBe('refused [redacted] twice');
});

test('one that may approve is one of the people', async () => {
  const settings = await settingsOf({
    api: {
      keys: {
        bot: { hash, scopes: ['approve'], signs, roles: ['finance'] },
        shop: { hash: apiKeyHash(other), scopes: ['start'], tenants: ['acme'] },
      },
    },
    approvals: [{ effects: 'keyed', by: 'finance' }],
  });
  expect(settings.approvers.people).toEqual({ bot: { keys: [signs], roles: ['finance'] } });
  expect(settings.api.keys).toMatchObject([
    { name: 'bot', hash },
    { name: 'shop', tenants: ['acme'] },
  ]);
  expect(settings.described).toContainEqual({
    ...{ what: 'API keys', source: 'longhaul.config.ts' },
    value: 'bot (approve); shop (start)',
  });
});

const start = { hash, scopes: ['start'] };
test.each<[string, unknown, RegExp]>([
  [
    'a key in clear',
    { shop: { ...start, hash: key } },
    /^longhaul\.config\.ts: api\.keys\.shop\.hash: it is what "longhaul api-key" prints$/,
  ],
  ['an unknown scope', { shop: { hash, scopes: ['write'] } }, /api\.keys\.shop\.scopes\.0: /],
  ['no scope', { shop: { hash, scopes: [] } }, /api\.keys\.shop\.scopes: /],
  ['a misspelt setting', { shop: { ...start, tenant: 'acme' } }, /api\.keys\.shop\.tenant: there is no such setting/],
  ['no tenant at all', { shop: { ...start, tenants: [] } }, /api\.keys\.shop\.tenants: /],
  ['a name with a space', { 'a b': start }, /a name has 1 to 64 letters/],
  ['one key twice', { shop: start, till: start }, /api\.keys\.shop and api\.keys\.till are the same key/],
  [
    'no signature of one that approves',
    { bot: { hash, scopes: ['approve'] } },
    /api\.keys\.bot may approve, and has no `signs`/,
  ],
  ['a role of one that does not', { shop: { ...start, roles: ['finance'] } }, /api\.keys\.shop has `signs` or `roles`/],
  [
    'a signature that is none',
    { bot: { hash, scopes: ['approve'], signs: 'x' } },
    /api\.keys\.bot\.signs: "x" is no public key/,
  ],
  [
    'the name of a person',
    { alice: { hash, scopes: ['approve'], signs } },
    /api\.keys\.alice has the name of somebody of `people`/,
  ],
])('%s is refused in one line', async (_, keys, said) => {
  const refused = settingsOf({ people: { alice: { key: signs } }, api: { keys } });
  await expect(refused).rejects.toMatchObject({ name: 'ConfigError', message: expect.stringMatching(said) as string });
});

test('an Idempotency-Key is a text in quotes, or bare', () => {
  expect(idempotencyKeyOf('"a b"')).toBe('a b');
  expect(idempotencyKeyOf(String.raw`"a\"b\\"`)).toBe(String.raw`a"b\ `.trim());
  expect(idempotencyKeyOf(' a-1 ')).toBe('a-1');
  expect(idempotencyKeyOf(undefined)).toBeUndefined();
  for (const none of ['', ' ', '"', '""', '"a', 'a b', '"a"b"', 'ä', 'x'.repeat(256)])
    expect(() => idempotencyKeyOf(none)).toThrow('an Idempotency-Key is one, of 1 to 255 printable characters');
});

test('a run may be held to less than its release says, and never to more', () => {
  const limits = { turns: 10, toolCalls: 20, tokens: 1_000 };
  expect(limitedTo(limits, { turns: 3, toolCalls: 99, wallMs: 5 })).toEqual({
    turns: 3,
    toolCalls: 20,
    tokens: 1_000,
    wallMs: 5,
  });
  expect(limitedTo(limits)).toEqual(limits);
});
