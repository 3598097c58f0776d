// Keys of the HTTP API as the configuration has them: what each may do, and for whom. A key itself is nowhere, only its hash.
import { z } from 'zod';
import type { AllowPrivate } from '../http/addresses';

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
        /** Environment variable that holds the secret of the webhooks that it asks for. @default that of `webhooks` */
        webhookSecretEnv: z.string().min(1).exactOptional(),
        /** Under which its decisions count, beside its name. */
        roles: z.array(z.string()).exactOptional(),
      }),
    )
    .default({}),
  /** Callers may name an address that is told of their runs. @default no key may, but for those that have a secret of their own */
  webhooks: z
    .strictObject({
      /** Environment variable that holds the secret that they are signed with: `whsec_` and base64, several parted by spaces. */
      secretEnv: z.string().min(1).exactOptional(),
      /**
       * Addresses beside the public ones: `true` for private and loopback ones, or a list of addresses and ranges.
       * @default loopback where there are no keys, none otherwise
       */
      allowPrivate: z.union([z.boolean(), z.array(z.string())]).exactOptional(),
    })
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
  webhookSecretEnv?: string;
}

/** What callers may have told them, as the configuration says. */
export interface WebhookSettings {
  /** Of those whose key has none of its own, and of callers without a key. */
  secretEnv?: string;
  /** By the name of the key. */
  secretEnvs: { readonly [key: string]: string };
  allowPrivate: AllowPrivate;
}
