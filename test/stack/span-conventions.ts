// What OpenTelemetry's conventions for generative AI, v0.1.0, ask of a span, for those that runs make: names, kinds, attributes and types.
import type { ReceivedSpan } from './otlp-receiver';

const [INTERNAL, CLIENT] = [1, 3];
type Rule = 'string' | 'int' | 'double' | 'true' | 'strings';

const KNOWN: { readonly [name: string]: Rule } = {
  'gen_ai.operation.name': 'string',
  'gen_ai.provider.name': 'string',
  'gen_ai.request.model': 'string',
  'gen_ai.request.temperature': 'double',
  'gen_ai.request.max_tokens': 'int',
  'gen_ai.request.stream': 'true',
  'gen_ai.output.type': 'string',
  'gen_ai.response.model': 'string',
  'gen_ai.response.id': 'string',
  'gen_ai.response.finish_reasons': 'strings',
  'gen_ai.usage.input_tokens': 'int',
  'gen_ai.usage.output_tokens': 'int',
  'gen_ai.usage.cache_read.input_tokens': 'int',
  'gen_ai.usage.cache_write.input_tokens': 'int',
  'gen_ai.usage.reasoning.output_tokens': 'int',
  'gen_ai.conversation.id': 'string',
  'gen_ai.agent.name': 'string',
  'gen_ai.agent.version': 'string',
  'gen_ai.tool.name': 'string',
  'gen_ai.tool.type': 'string',
  'gen_ai.tool.call.id': 'string',
  'gen_ai.system_instructions': 'string',
  'gen_ai.input.messages': 'string',
  'gen_ai.output.messages': 'string',
  'gen_ai.tool.call.arguments': 'string',
  'gen_ai.tool.call.result': 'string',
  'error.type': 'string',
  'server.address': 'string',
  'server.port': 'int',
};

const FITS: { readonly [R in Rule]: (value: unknown) => boolean } = {
  string: (value) => typeof value === 'string' && value !== '',
  int: (value) => Number.isSafeInteger(value),
  double: (value) => typeof value === 'number',
  // Left out where it does not hold.
  true: (value) => value === true,
  strings: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
};

/** @returns what is wrong, a line each */
export function conventionProblems({ name, kind, attributes, status }: ReceivedSpan): string[] {
  const named = attributes['gen_ai.operation.name'];
  const operation = typeof named === 'string' ? named : '';
  const problems = Object.entries(attributes).flatMap(([key, value]) => {
    const rule = KNOWN[key];
    if (rule === undefined) return key.startsWith('longhaul.') ? [] : [`${name}: ${key} is in no convention`];
    return FITS[rule](value) ? [] : [`${name}: ${key} is ${JSON.stringify(value)}`];
  });
  const expect = (holds: boolean, what: string): void => void (holds || problems.push(`${name}: ${what}`));
  const required: { [operation: string]: readonly string[] } = {
    chat: ['gen_ai.provider.name', 'gen_ai.request.model'],
    execute_tool: ['gen_ai.tool.name', 'gen_ai.tool.call.id', 'gen_ai.tool.type'],
    invoke_agent: ['gen_ai.agent.name', 'gen_ai.conversation.id'],
  };
  for (const key of required[operation] ?? []) expect(attributes[key] !== undefined, `${key} is missing`);
  const object = {
    chat: attributes['gen_ai.request.model'],
    execute_tool: attributes['gen_ai.tool.name'],
    invoke_agent: attributes['gen_ai.agent.name'],
  }[operation];
  if (object !== undefined)
    expect(typeof object === 'string' && name === `${operation} ${object}`, 'its name is another');
  expect(kind === (operation === 'chat' ? CLIENT : INTERNAL), `its kind is ${kind}`);
  expect(
    (attributes['server.address'] === undefined) === (attributes['server.port'] === undefined),
    'its server is half told',
  );
  expect((status?.code === 2) === (attributes['error.type'] !== undefined), 'status and error.type differ');
  return problems;
}
