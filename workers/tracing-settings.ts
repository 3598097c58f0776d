// Where traces go: as the configuration says, and as OpenTelemetry's own environment variables do, which are read where it says nothing.
import type { ResolvedConfig } from '../activities/define/config';
import { ConfigError } from './config-error';
import { withoutCredentials, type Setting } from './describe-settings';

export interface TracingSettings {
  /** Whole, of traces. */
  url: string;
  /** With `headersEnv` alone: those of OpenTelemetry's own variables are read by its exporter. */
  headers?: { readonly [name: string]: string };
  content: boolean;
  redact: readonly RegExp[];
  /** From 0 to 1. */
  sample: number;
}

type Read = (name: string) => string | undefined;

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const TRACES_ENDPOINT = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];
const PROTOCOL = 'http/protobuf';

/**
 * Absent where nobody asks for traces.
 * @param read an environment variable, or undefined when unset or empty
 * @throws ConfigError naming the variable or the key of the configuration
 */
export function tracingSettings(
  { telemetry }: Pick<ResolvedConfig, 'telemetry'>,
  configName: string,
  read: Read,
): { tracing?: TracingSettings; described: Setting[] } {
  const off = (source: string) => ({ described: [{ what: 'traces', value: 'not exported', source }] });
  if (read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return off('OTEL_SDK_DISABLED');
  if (read('OTEL_TRACES_EXPORTER') === 'none') return off('OTEL_TRACES_EXPORTER');
  const found = endpointOf(telemetry.otlp?.endpoint, configName, read);
  if (!found) return { described: [] };
  const { url, source } = found;
  const protocol = PROTOCOLS.find((name) => read(name) !== undefined);
  if (protocol !== undefined && read(protocol) !== PROTOCOL)
    throw new ConfigError(`${protocol}: "${read(protocol)}" cannot be used: traces go by ${PROTOCOL} alone.`);
  const { content, redact, sample } = telemetry;
  const headers = headersOf(telemetry.otlp?.headersEnv, read);
  return {
    tracing: { url, ...(headers ? { headers } : {}), content, redact, sample },
    described: [
      {
        what: 'traces',
        value: `${withoutCredentials(url)}, ${content ? 'with' : 'without'} content${sample < 1 ? `, of ${sample} of the runs` : ''}`,
        source,
      },
    ],
  };
}

function endpointOf(
  configured: string | undefined,
  configName: string,
  read: Read,
): { url: string; source: string } | undefined {
  if (configured !== undefined) return { url: tracesUrl(configured, configName), source: configName };
  const traces = read(TRACES_ENDPOINT);
  // Its own variable names the whole of it.
  if (traces !== undefined) return { url: checkedUrl(traces, TRACES_ENDPOINT).href, source: TRACES_ENDPOINT };
  const base = read(ENDPOINT);
  return base === undefined ? undefined : { url: tracesUrl(base, ENDPOINT), source: ENDPOINT };
}

function tracesUrl(base: string, source: string): string {
  const url = checkedUrl(base, source);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}

function checkedUrl(text: string, source: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new ConfigError(`${source}: the address of the collector begins with http:// or https://.`);
}

/** Never shown in an error: what does not parse may be a secret all the same. */
function headersOf(name: string | undefined, read: Read): { [name: string]: string } | undefined {
  if (name === undefined) return undefined;
  const text = read(name);
  if (text === undefined)
    throw new ConfigError(`telemetry.otlp.headersEnv: ${name} is not set: it holds name=value, parted by commas.`);
  const pairs = text.split(',').map((pair): [string, string] => {
    const at = pair.indexOf('=');
    const header = pair.slice(0, Math.max(0, at)).trim();
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header))
      throw new ConfigError(`${name}: it cannot be used: it holds name=value, parted by commas.`);
    return [header, decoded(pair.slice(at + 1).trim())];
  });
  return Object.fromEntries(pairs);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
