// The OpenAPI document of the routes. OpenAPI 3.1 speaks JSON Schema 2020-12, and so does zod: nothing stands between the two.
import { z } from 'zod';
import { PROBLEMS, PROBLEM_TYPE } from './problem';
import { isResponsesPath, OPENAI_ERROR } from './responses/openai-error';
import type { AnswerShape, RouteAbout } from './route';

interface JsonObject {
  [name: string]: unknown;
}

interface Content {
  [mediaType: string]: { schema?: JsonObject };
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters: { name: string; in: string; required: boolean; description?: string; schema: JsonObject }[];
  requestBody?: { required: boolean; content: Content };
  responses: { [status: string]: { description: string; content?: Content; headers?: JsonObject } };
}

const EVENT_STREAM = 'text/event-stream';
const TITLE = 'Runs of agents';

/** What zod checks beyond that has no place in a JSON Schema is left out of it. */
function schemaOf(shape: z.ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io, unrepresentable: 'any' });
  return schema;
}

const problemSchema: JsonObject = {
  type: 'object',
  description: 'RFC 9457. `type` says what may happen next, and is never renamed.',
  properties: {
    type: { type: 'string', enum: Object.keys(PROBLEMS) },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'One line.' },
    instance: { type: 'string' },
    errors: {
      type: 'array',
      description: 'Where the request does not fit.',
      items: {
        type: 'object',
        properties: { detail: { type: 'string' }, pointer: { type: 'string' }, parameter: { type: 'string' } },
        required: ['detail'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'instance'],
};

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

function parametersOf(shape: z.ZodType | undefined, where: 'path' | 'query'): Operation['parameters'] {
  if (!shape) return [];
  const { properties = {}, required = [] } = z
    .object({ properties: z.record(z.string(), z.looseObject({})), required: z.array(z.string()).optional() })
    .partial()
    .parse(schemaOf(shape, 'input'));
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(typeof description === 'string' ? { description } : {}),
    schema,
  }));
}

function answered({
  description,
  schema,
  mediaType = 'application/json',
  streams,
  headers,
}: AnswerShape): Operation['responses'][string] {
  const hasBody = schema !== undefined || mediaType !== 'application/json';
  const content = {
    [mediaType]: schema ? { schema: ref(schema.name) } : {},
    // OpenAPI 3.1 has no words for what the events of a stream are.
    ...(streams ? { [EVENT_STREAM]: {} } : {}),
  };
  const described = Object.entries(headers ?? {}).map(([name, says]) => [
    name,
    { description: says, schema: { type: 'string' } },
  ]);
  return {
    description,
    ...(hasBody ? { content } : {}),
    ...(headers ? { headers: Object.fromEntries(described) as JsonObject } : {}),
  };
}

function operationOf(route: RouteAbout): Operation {
  const { method, path, group, summary, description, scopes, body, answers } = route;
  const scope = `Scope: ${scopes.join(' or ')}.`;
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[^a-z]+(.)?/gi, (_, next: string | undefined) => (next ?? '').toUpperCase())}`,
    tags: [group],
    summary,
    description: description === undefined ? scope : `${description} ${scope}`,
    parameters: [
      ...parametersOf(route.params, 'path'),
      ...parametersOf(route.query, 'query'),
      ...(route.headers ?? []).map(({ name, description: says, pattern }) => ({
        ...{ name, description: says, in: 'header', required: false },
        schema: { type: 'string', ...(pattern === undefined ? {} : { pattern }) },
      })),
    ],
    ...(body
      ? {
          requestBody: {
            required: body.required !== false,
            content: { 'application/json': { schema: schemaOf(body.schema, 'input') } },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, shape]) => [status, answered(shape)])),
      default: problemOf(path),
    },
  };
}

const problemOf = (path: string): Operation['responses'][string] => ({
  description: 'A problem.',
  content: isResponsesPath(path)
    ? { 'application/json': { schema: ref('OpenAiError') } }
    : { [PROBLEM_TYPE]: { schema: ref('Problem') } },
});

export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string };
  paths: { [path: string]: { [method: string]: Operation } };
  components: { schemas: { [name: string]: JsonObject }; securitySchemes?: JsonObject };
  security: JsonObject[];
}

/** @param takesKeys whether the server has any: where it has none it asks for none */
export function openApiDocument(routes: readonly RouteAbout[], { takesKeys }: { takesKeys: boolean }): OpenApiDocument {
  const paths: OpenApiDocument['paths'] = {};
  const schemas: { [name: string]: JsonObject } = {
    Problem: problemSchema,
    OpenAiError: schemaOf(OPENAI_ERROR, 'output'),
  };
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
    for (const { schema } of Object.values(route.answers))
      if (schema) schemas[schema.name] ??= schemaOf(schema.shape, 'output');
  }
  return {
    openapi: '3.1.0',
    info: { title: TITLE, version: '1' },
    paths,
    components: {
      schemas,
      ...(takesKeys
        ? { securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A key of this server.' } } }
        : {}),
    },
    security: takesKeys ? [{ key: [] }] : [],
  };
}
