import { z } from 'zod';
import { apiSchema } from './api';
import type { ConfigApproval } from './approval';
import { budgetsSchema } from './budget';
import { queuesSchema } from './queue';
import { quotaSchema } from './quota';
import { routeSchema } from './route';
import { telemetrySchema } from './telemetry';
import { watchSchema } from './watch';
import { workersSchema } from './workers';

/** In USD per million tokens. */
const price = z.number().nonnegative();

/** `longhaul.config.ts`, checked: an unknown key is refused, so that a typo never switches anything off. */
export const configSchema = z.strictObject({
  /** Alias → `provider/model`, several in order of preference, or a route. */
  models: z.record(z.string(), routeSchema).default({}),
  /** Servers of models by name. `openai` is there without being named, and `anthropic` once it has a key. */
  providers: z
    .record(
      z.string(),
      z.strictObject({
        /** Default: that of whoever made the `api`. One of the two is given, but for `openai` and `anthropic`. */
        baseUrl: z.url().optional(),
        /** Name of the environment variable that holds the key. */
        apiKeyEnv: z.string().optional(),
        /** Default: by the name and the base URL. */
        api: z.enum(['responses', 'chat', 'messages']).optional(),
      }),
    )
    .default({}),
  /** What models cost, in USD per million tokens, by `provider/model`: beside and before the prices that are known by address. */
  prices: z
    .record(
      z.string(),
      z.strictObject({
        input: price,
        /** Read from the provider's cache. @default as `input` */
        cachedInput: price.exactOptional(),
        /** Written to it. @default as `input` */
        cacheWrite: price.exactOptional(),
        /** Written to it for an hour, where the provider tells that apart. @default twice `input` */
        cacheWriteHour: price.exactOptional(),
        output: price,
      }),
    )
    .default({}),
  /** Limits of providers by `provider/model`, kept by all workers of a task queue together. */
  quotas: z.record(z.string(), quotaSchema).default({}),
  /** Of tenants, over all their runs. Kept by all workers of a task queue together. @default nobody is limited */
  budgets: budgetsSchema.optional(),
  /** Where runs wait for a place, by name. `default` takes the runs of agents that name none. @default runs begin at once */
  queues: queuesSchema.default({}),
  /** Where conversations are kept: `lmdb:<folder>`. */
  store: z.string().optional(),
  /** Who starts runs, unless a caller says so. */
  identity: z.strictObject({ tenant: z.string().optional(), user: z.string().optional() }).default({}),
  /** Who decides what runs ask: each with the public key that `longhaul identity` prints. Their decisions are signed. */
  people: z
    .record(
      z.string().min(1).max(100),
      z.strictObject({
        key: z.union([z.string(), z.array(z.string()).min(1)]),
        roles: z.array(z.string()).default([]),
      }),
    )
    .default({}),
  /** Who must agree to calls of tools, beside what agents and tools say. */
  approvals: z.array(z.custom<ConfigApproval>((value) => typeof value === 'object' && value !== null)).default([]),
  /** Whether decisions that nobody has signed count where nobody is named. By default with the embedded Temporal alone. */
  unsignedDecisions: z.boolean().optional(),
  /** Told of what runs ask people, and of what is decided. Signed with the secret that this environment variable holds. */
  webhook: z.strictObject({ url: z.url(), secretEnv: z.string() }).optional(),
  /** Who may use the HTTP API. @default nobody is asked, and it is served to this machine alone */
  api: apiSchema.default({ keys: {}, webhooks: {} }),
  /** Where traces go, and what of them. @default nothing is traced */
  telemetry: telemetrySchema.default({ content: false, redact: [], sample: 1 }),
  /** Compares what agents do with what they did. `false`: nobody does. */
  watch: watchSchema.default({}),
  /**
   * Who says which release new runs of an agent take. `workers`: they do, until somebody does by command. `explicit`: nobody but
   * `longhaul release`, from the first run on.
   */
  releases: z.enum(['workers', 'explicit']).default('workers'),
  /** Of every worker process. */
  workers: workersSchema.default({}),
  /** Folder of the agents. */
  agents: z.string().default('agents'),
  taskQueue: z.string().optional(),
});

export type Config = z.input<typeof configSchema>;
export type ResolvedConfig = z.output<typeof configSchema>;

/** The one home of model aliases, quotas, queues, store and identity. */
export const defineConfig = (config: Config): Config => config;
