// Needs: nothing but a file system (no network, no server; the embedded server's tests cover the connection itself).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectTemporal } from '../../infra/temporal/connect';
import { resolveTemporal, TemporalConfigError } from '../../infra/temporal/resolve-temporal';
import { freshFolder, removeFolders } from './given';

afterAll(removeFolders);

/** A home without configuration: the tests must not read that of the person who runs them. */
const emptyHome = () => {
  const home = freshFolder();
  return { HOME: home, XDG_CONFIG_HOME: home, APPDATA: home };
};

function configFile(text: string): string {
  const path = join(freshFolder(), 'temporal.toml');
  writeFileSync(path, text);
  return path;
}

const PROFILES = '[profile.default]\naddress = "one:7233"\n[profile.two]\naddress = "two:7233"\nnamespace = "second"\n';

test('without any setting, the embedded server is meant; empty variables are no setting', () => {
  expect(resolveTemporal({ env: emptyHome() })).toEqual({ kind: 'embedded' });
  const env = { ...emptyHome(), TEMPORAL_ADDRESS: '', TEMPORAL_NAMESPACE: '', TEMPORAL_CONFIG_FILE: '' };
  expect(resolveTemporal({ env })).toEqual({ kind: 'embedded' });
});

test('TEMPORAL_ADDRESS names a server, in namespace default unless another is named', () => {
  const env = { ...emptyHome(), TEMPORAL_ADDRESS: 'host:7233' };
  expect(resolveTemporal({ env })).toMatchObject({
    kind: 'external',
    namespace: 'default',
    connectionOptions: { address: 'host:7233' },
  });
  const more = { ...env, TEMPORAL_NAMESPACE: 'team', TEMPORAL_API_KEY: 'secret' };
  expect(resolveTemporal({ env: more })).toMatchObject({
    namespace: 'team',
    connectionOptions: { apiKey: 'secret', tls: true },
  });
});

test('a profile with an address names a server: the default one, or that of TEMPORAL_PROFILE', () => {
  const env = { ...emptyHome(), TEMPORAL_CONFIG_FILE: configFile(PROFILES) };
  expect(resolveTemporal({ env })).toMatchObject({ connectionOptions: { address: 'one:7233' } });
  expect(resolveTemporal({ env: { ...env, TEMPORAL_PROFILE: 'two' } })).toMatchObject({
    connectionOptions: { address: 'two:7233' },
    namespace: 'second',
  });
});

test.each([
  ['a file that is not there', () => ({ TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' }), /does not exist: mend it/],
  ['a file that is no TOML', () => ({ TEMPORAL_CONFIG_FILE: configFile('[profile') }), /cannot be read: /],
  ['an unknown profile', () => ({ TEMPORAL_PROFILE: 'three' }), /'three' not found/],
  ['a namespace without an address', () => ({ TEMPORAL_NAMESPACE: 'team' }), /TEMPORAL_NAMESPACE is: set/],
  ['a key without an address', () => ({ TEMPORAL_API_KEY: 'secret' }), /TEMPORAL_API_KEY is: set/],
])('%s is one clear line, and tells no secret', (_what, settings, message) => {
  const resolve = () => resolveTemporal({ env: { ...emptyHome(), ...settings() } });
  expect(resolve).toThrow(TemporalConfigError);
  expect(resolve).toThrow(message);
  expect(resolve).toThrow(/^(?!.*secret)[^\n]+$/);
});

test('a server that is not there is one line, with its address and what to do', async () => {
  const choice = resolveTemporal({ env: { ...emptyHome(), TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  if (choice.kind !== 'external') throw new Error('an address names an external server');
  await expect(connectTemporal(choice)).rejects.toMatchObject({
    name: 'TemporalUnreachableError',
    message: expect.stringMatching(
      /^Temporal at 127\.0\.0\.1:1 cannot be reached \([^\n]+\): start it, or [^\n]+$/,
    ) as string,
  });
}, 30_000);
