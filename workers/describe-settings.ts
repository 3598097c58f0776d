/** One setting as a person reads it. */
export interface Setting {
  what: string;
  /** Never a credential. */
  value: string;
  /** Where it was set: a file, an environment variable, the command line, or `default`. */
  source: string;
}

/** Everything that was configured, and where, for `longhaul doctor`. Keys show as `set` or `not set`. */
export const describeSettings = (settings: { described: readonly Setting[] }): Setting[] => [...settings.described];

/** @returns the URL without user name, password and query, any of which may hold one */
export function withoutCredentials(url: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url;
  if (!URL.canParse(url)) return url.slice(0, url.indexOf('://') + 3) + '…';
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  shown.search = '';
  return shown.href;
}
