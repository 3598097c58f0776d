import { z } from 'zod';

const count = z.number().int().positive();

/** `longhaul.config.ts`, checked: an unknown key is refused, so that a typo never switches anything off. */
export const configSchema = z.strictObject({
  /** Alias → `provider/model`, or several in order of preference. */
  models: z.record(z.string(), z.union([z.string(), z.array(z.string()).min(1)])).default({}),
  /** OpenAI-compatible endpoints by name. `openai` is there without being named. */
  providers: z
    .record(
      z.string(),
      z.strictObject({
        baseUrl: z.url().optional(),
        /** Name of the environment variable that holds the key. */
        apiKeyEnv: z.string().optional(),
        api: z.enum(['responses', 'chat']).optional(),
      }),
    )
    .default({}),
  /** Read from the gateway step on; checked already. */
  quotas: z
    .record(
      z.string(),
      z.strictObject({
        requestsPerMinute: count.optional(),
        tokensPerMinute: count.optional(),
        concurrency: count.optional(),
      }),
    )
    .default({}),
  /** Read from the queue step on; checked already. */
  queues: z.record(z.string(), z.strictObject({ depth: count.optional(), concurrency: count.optional() })).default({}),
  /** Where conversations are kept: `lmdb:<folder>`. */
  store: z.string().optional(),
  /** Who starts runs, unless a caller says so. */
  identity: z.strictObject({ tenant: z.string().optional(), user: z.string().optional() }).default({}),
  /** Folder of the agents. */
  agents: z.string().default('agents'),
  taskQueue: z.string().optional(),
});

export type Config = z.input<typeof configSchema>;
export type ResolvedConfig = z.output<typeof configSchema>;

/** The one home of model aliases, quotas, queues, store and identity. */
export const defineConfig = (config: Config): Config => config;
