// What stands around a tool's requests: the origins that it may name, and the addresses that these may turn out to have.
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { ToolRejection } from '../define/tool';
import { addressJudge, type AddressJudge, type AllowPrivate } from './addresses';

export interface HttpWalls {
  /** Such as `https://api.example.com`. */
  origins: ReadonlySet<string>;
  judge: AddressJudge;
  /** Asked at each connection, so that a name cannot have one address when it is checked and another when it is used. */
  lookup: LookupFunction;
}

export interface WallOptions {
  /** `api.example.com` and `api.example.com:8443` are https; anything else is written with its scheme. */
  hosts: readonly string[];
  allowPrivate?: AllowPrivate | undefined;
  /** @default the system's */
  resolve?: Resolve;
}
export type Resolve = (
  host: string,
  options: { all: true },
  answer: (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void,
) => void;

/** @throws Error naming the host or the range that is unusable */
export function createWalls({ hosts, allowPrivate = false, resolve = lookup }: WallOptions): HttpWalls {
  const judge = addressJudge(allowPrivate);
  return { origins: new Set(hosts.map(originOf)), judge, lookup: checkedLookup(resolve, judge) };
}

function originOf(host: string): string {
  const text = host.includes('://') ? host : `https://${host}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && isHttp(url) && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password)
    return url.origin;
  throw new Error(`"${host}" is no host: write api.example.com, api.example.com:8443 or http://api.example.com.`);
}

const isHttp = ({ protocol }: URL): boolean => protocol === 'https:' || protocol === 'http:';

/** Answers with those addresses alone that may be reached. */
const checkedLookup =
  (resolve: Resolve, judge: AddressJudge): LookupFunction =>
  (host, options, answer) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return answer(error, []);
      const [first, ...more] = addresses.filter(({ address }) => judge(address) === undefined);
      if (!first) return answer(new RefusedAddress(host, judge(addresses[0]?.address ?? '') ?? 'unknown'), []);
      if (options.all) answer(null, [first, ...more]);
      else answer(null, first.address, first.family);
    });
  };

/** Without the address: the model need not learn how the inside is laid out. */
export class RefusedAddress extends ToolRejection {
  constructor(host: string, kind: string) {
    super(`${host} has a ${kind} address, which this tool is not allowed to reach.`);
  }
}

/**
 * @throws ToolRejection when the place is not on the list, or is an address that may not be reached. An address in a URL is never looked
 * up, so it is judged here.
 */
export function requireAllowed(url: URL, { origins, judge }: HttpWalls): void {
  if (url.username || url.password) throw new ToolRejection('a URL may not hold a user or a password.');
  if (!origins.has(url.origin)) throw new ToolRejection(`${url.host || 'it'} is not among the hosts of this tool.`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const kind = isIP(host) ? judge(host) : undefined;
  if (kind !== undefined) throw new RefusedAddress(host, kind);
}
