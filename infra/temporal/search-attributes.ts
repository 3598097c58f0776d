import type { Connection } from '@temporalio/client';
import { hasCode, reasonOf } from './error-reason';

/** The types of search attributes, as the CLI spells them. */
export type SearchAttributeKind = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';
export type SearchAttributeTable = Readonly<Record<string, SearchAttributeKind>>;

/** The numbers of Temporal's wire format. */
const WIRE_TYPES: Readonly<Record<SearchAttributeKind, number>> = {
  Text: 1,
  Keyword: 2,
  Int: 3,
  Double: 4,
  Bool: 5,
  Datetime: 6,
  KeywordList: 7,
};

const GRPC_ALREADY_EXISTS = 6;

/** The namespace lacks an attribute that could not be added, or has it with another type. One line, with what to do. */
export class SearchAttributeError extends Error {
  override readonly name = 'SearchAttributeError';
}

/**
 * Registers what a namespace lacks; returns the names it added. Several callers may do it at once. Throws
 * {@link SearchAttributeError} when a name exists with another type, or the server refuses (Temporal Cloud does, to
 * most keys: there they are added with `tcld` or the Cloud UI).
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  wanted: SearchAttributeTable,
): Promise<string[]> {
  const missing = await missingAttributes(connection, namespace, wanted);
  if (missing.length === 0) return [];
  try {
    const searchAttributes = Object.fromEntries(missing.map(([name, kind]) => [name, WIRE_TYPES[kind]]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    // Another process added some of them after the look. What then is still missing was refused.
    const raced = hasCode(error, GRPC_ALREADY_EXISTS);
    if (!raced || (await missingAttributes(connection, namespace, wanted)).length > 0) {
      throw new SearchAttributeError(refusal(namespace, missing, error));
    }
  }
  return missing.map(([name]) => name);
}

async function missingAttributes(
  connection: Connection,
  namespace: string,
  wanted: SearchAttributeTable,
): Promise<[string, SearchAttributeKind][]> {
  const present = (await connection.operatorService.listSearchAttributes({ namespace })).customAttributes;
  const typeOf = (name: string): number | undefined => present?.[name];
  const entries = Object.entries(wanted);
  for (const [name, kind] of entries) {
    const type = typeOf(name);
    if (type === undefined || type === WIRE_TYPES[kind]) continue;
    const actual = Object.entries(WIRE_TYPES).find(([, wire]) => wire === type)?.[0] ?? String(type);
    throw new SearchAttributeError(
      `Search attribute ${name} of namespace ${namespace} is of type ${actual}, and ${kind} is needed: ` +
        'use another namespace, or remove the attribute (`temporal operator search-attribute remove`).',
    );
  }
  return entries.filter(([name]) => typeOf(name) === undefined);
}

function refusal(namespace: string, missing: [string, SearchAttributeKind][], error: unknown): string {
  const flags = missing.map(([name, kind]) => `--name ${name} --type ${kind}`).join(' ');
  return (
    `Namespace ${namespace} lacks search attributes and refused them (${reasonOf(error)}). ` +
    `Add them: temporal operator search-attribute create --namespace ${namespace} ${flags}`
  );
}
