// A URL of Postgres: what the driver gets of it, and what people may see of it.

/** Where the tables are, unless `?schema=` says otherwise: not `public`, which others share. */
const DEFAULT_SCHEMA = 'longhaul';
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

export interface PostgresPlace {
  /** For the driver, with the password. */
  connectionString: string;
  schema: string;
  /** For people. */
  description: string;
  /** A text for people, with the password taken out should it hold it. */
  redact(text: string): string;
}

/**
 * @param url `postgres://user:password@host:port/database?schema=longhaul`; other parameters are the driver's, such as `sslmode`
 * @throws Error that holds no password, when it is not such a URL
 */
export function parsePostgresUrl(url: string): PostgresPlace {
  const parsed = parse(url);
  const schema = parsed.searchParams.get('schema') ?? DEFAULT_SCHEMA;
  if (!SCHEMA_NAME.test(schema)) {
    throw new Error(`"${schema.slice(0, 80)}" cannot name a schema: write a-z, 0-9 and _, at most 63, no digit first.`);
  }
  parsed.searchParams.delete('schema');
  const host = parsed.searchParams.get('host') ?? decodeURIComponent(parsed.hostname);
  const port = parsed.port === '' ? '' : `:${parsed.port}`;
  const passwords = [parsed.password, decoded(parsed.password), parsed.searchParams.get('password') ?? ''];
  return {
    connectionString: parsed.toString(),
    schema,
    description: `postgres://${host}${port}${parsed.pathname}?schema=${schema}`,
    redact: (text) =>
      passwords.filter((secret) => secret !== '').reduce((left, secret) => left.replaceAll(secret, '***'), text),
  };
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // Without a host, the driver would go where environment variables say, which nobody reads in this URL.
  const host = parsed && (parsed.hostname || parsed.searchParams.get('host'));
  if (parsed && host && /^postgres(ql)?:$/.test(parsed.protocol) && isEscaped(parsed)) return parsed;
  throw new Error('the URL of the store cannot be read. Write "postgres://user:password@host:5432/database".');
}

/** A bare % in a password is the usual mistake. */
const isEscaped = ({ password, username, hostname }: URL): boolean =>
  [password, username, hostname].every((part) => !/%(?![0-9a-f]{2})/i.test(part));

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
