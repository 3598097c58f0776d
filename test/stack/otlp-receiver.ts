// A receiver of OTLP over HTTP that takes nothing for granted: it decodes by the official protocol's definition, and keeps what it was sent.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { z } from 'zod';

/** opentelemetry-proto 1.x, as far as traces need it. */
const PROTO = `
syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10; repeated Event events = 11; uint32 dropped_events_count = 12; repeated Link links = 13;
  uint32 dropped_links_count = 14; Status status = 15; fixed32 flags = 16;
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; }
}
message ArrayValue { repeated AnyValue values = 1; }
`;
const REQUEST = protobuf.parse(PROTO, { keepCase: false }).root.lookupType('Request');

const anyValue = z.object({
  stringValue: z.string().optional(),
  boolValue: z.boolean().optional(),
  intValue: z.string().optional(),
  doubleValue: z.number().optional(),
  arrayValue: z.object({ values: z.array(z.object({ stringValue: z.string() })).default([]) }).optional(),
});
const attributes = z
  .array(z.object({ key: z.string(), value: anyValue }))
  .default([])
  .transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, plain(value)])));
const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().default(''),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  attributes,
  events: z.array(z.object({ name: z.string(), attributes })).default([]),
  status: z.object({ code: z.number().default(0), message: z.string().default('') }).optional(),
});
const request = z.object({
  resourceSpans: z.array(
    z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) }),
  ),
});

export type ReceivedSpan = z.output<typeof span> & { resource: { [name: string]: unknown } };

const plain = ({ stringValue, boolValue, intValue, doubleValue, arrayValue }: z.output<typeof anyValue>): unknown =>
  stringValue ??
  boolValue ??
  (intValue === undefined ? undefined : Number(intValue)) ??
  doubleValue ??
  arrayValue?.values.map((value) => value.stringValue);

export interface OtlpReceiver {
  /** Without a path. */
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly headers: IncomingHttpHeaders[];
  /** What was wrong with what it was sent. */
  readonly problems: string[];
  /** Answers so from now on. */
  answer(status: number): void;
  close(): Promise<void>;
}

const hexOf = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const [spans, headers, problems]: [ReceivedSpan[], IncomingHttpHeaders[], string[]] = [[], [], []];
  let status = 200;
  const take = (body: Buffer): void => {
    const message = REQUEST.decode(body);
    const { resourceSpans } = request.parse(REQUEST.toObject(message, { longs: String, bytes: String }));
    for (const { resource, scopeSpans } of resourceSpans)
      for (const one of scopeSpans.flatMap((scope) => scope.spans))
        spans.push({
          ...one,
          ...{ traceId: hexOf(one.traceId), spanId: hexOf(one.spanId), parentSpanId: hexOf(one.parentSpanId) },
          resource: resource.attributes,
        });
  };
  const server = createServer((incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      headers.push(incoming.headers);
      const type = incoming.headers['content-type'];
      if (incoming.url !== '/v1/traces' || incoming.method !== 'POST' || type !== 'application/x-protobuf')
        problems.push(`${incoming.method} ${incoming.url} ${type}`);
      try {
        const body = Buffer.concat(chunks);
        if (status === 200) take(incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
      } catch (error) {
        problems.push(String(error));
      }
      answer.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    problems,
    answer: (next) => (status = next),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
