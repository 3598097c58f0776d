// Keys of the HTTP API as the configuration has them: what each may do, and for whom. A key itself is nowhere, only its hash.
import { z } from 'zod';

export const API_SCOPES = ['read', 'start', 'intervene', 'approve', 'administer'] as const;
export type ApiScope = (typeof API_SCOPES)[number];

const names = z.array(z.string().min(1).max(200)).min(1);

export const apiSchema = z.strictObject({
  /** By the name under which its decisions are kept. */
  keys: z
    .record(
      z.string().regex(/^[\w.-]{1,64}$/, 'a name has 1 to 64 letters, digits, ".", "_" and "-"'),
      z.strictObject({
        /** SHA-256 of the key, as `longhaul api-key` prints it. */
        hash: z.string().regex(/^sha256:[\w-]{43}$/, 'it is what "longhaul api-key" prints'),
        /** `administer` is `read`, `start` and `intervene` too; who may approve is always said. */
        scopes: z.array(z.enum(API_SCOPES)).min(1),
        /** Whose runs it reaches. @default those of all tenants */
        tenants: names.exactOptional(),
        /** Of which agents. @default all */
        agents: names.exactOptional(),
        /** The public half of the key that its decisions are signed by. With `approve`, and only then. */
        signs: z.string().exactOptional(),
        /** Under which its decisions count, beside its name. */
        roles: z.array(z.string()).exactOptional(),
      }),
    )
    .default({}),
});

/** As the API knows it. */
export interface ApiKey {
  name: string;
  /** `sha256:` and 32 bytes in base64url. */
  hash: string;
  scopes: readonly ApiScope[];
  tenants?: readonly string[];
  agents?: readonly string[];
  signs?: string;
}
