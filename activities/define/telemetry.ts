import { z } from 'zod';

const pattern = z.instanceof(RegExp, { error: 'it is a regular expression, as in /\\d{16}/' });

/** Traces by OpenTelemetry. On once an endpoint is known, from here or from `OTEL_EXPORTER_OTLP_ENDPOINT`. */
export const telemetrySchema = z.strictObject({
  otlp: z
    .strictObject({
      /** Of a collector, for OTLP over HTTP: `/v1/traces` is added, as in `http://localhost:4318`. */
      endpoint: z
        .url({ protocol: /^https?$/, error: 'it is an address that begins with http:// or https://' })
        .optional(),
      /** Name of the environment variable with headers to send along: `name=value`, parted by commas. */
      headersEnv: z.string().optional(),
    })
    .optional(),
  /** Whether what was said goes along: prompts, answers, arguments and results of tools. @default false */
  content: z.boolean().default(false),
  /** What is taken out of content beside credentials, wherever it stands. */
  redact: z.array(pattern).default([]),
  /** How many of the runs are traced, from 0 to 1. One that comes with a `traceparent` is traced as that says. @default 1 */
  sample: z.number().min(0).max(1).default(1),
});
