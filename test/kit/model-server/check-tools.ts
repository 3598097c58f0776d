import { isRecord, listOf, textOf, type JsonRecord } from './json';
import type { Api } from './model-request';
import { invalidRequest } from './wire-error';

/** Names the real API accepts for functions and for output formats. */
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** The tool names of a request. Throws the 400 that the real API answers a bad name or a bad strict schema with. */
export function readToolNames(api: Api, body: JsonRecord): string[] {
  return listOf(body['tools']).flatMap((tool, index) => {
    const at = api === 'chat' ? `tools[${index}].function` : `tools[${index}]`;
    const definition = isRecord(tool) ? (api === 'chat' ? tool['function'] : tool) : undefined;
    if (!isRecord(definition) || (api !== 'messages' && isRecord(tool) && tool['type'] !== 'function')) return [];
    const name = textOf(definition['name']);
    if (name === undefined || !NAME.test(name)) throw badName(`${at}.name`, name);
    if (definition['strict'] === true) {
      checkStrictSchema(
        definition['parameters'],
        `function '${name}'`,
        `${at}.parameters`,
        'invalid_function_parameters',
      );
    }
    return [name];
  });
}

/** Checks the structured-output format of a request, where it asks for a strict one. */
export function checkOutputFormat(api: Api, body: JsonRecord): void {
  // Of the Messages API it is read with its messages.
  if (api === 'messages') return;
  const text = body['text'];
  const format = api === 'chat' ? body['response_format'] : isRecord(text) ? text['format'] : undefined;
  if (!isRecord(format) || format['type'] !== 'json_schema') return;
  const definition = api === 'chat' ? format['json_schema'] : format;
  const at = api === 'chat' ? 'response_format' : 'text.format';
  if (!isRecord(definition)) return;
  const name = textOf(definition['name']);
  if (name === undefined || !NAME.test(name)) throw badName(`${at}.name`, name);
  if (definition['strict'] !== true) return;
  const param = api === 'chat' ? at : `${at}.schema`;
  checkStrictSchema(definition['schema'], `response_format '${name}'`, param, 'invalid_json_schema');
}

/** Strict mode: every object lists all its properties as required and allows no others. */
function checkStrictSchema(schema: unknown, what: string, param: string, code: string): void {
  const fail = (path: readonly string[], problem: string): never => {
    const context = path.map((step) => `'${step}'`).join(', ');
    throw invalidRequest(`Invalid schema for ${what}: In context=(${context}), ${problem}`, param, code);
  };
  const visit = (node: unknown, path: readonly string[]): void => {
    if (!isRecord(node)) return;
    if (node['type'] === 'object') {
      const properties = isRecord(node['properties']) ? node['properties'] : {};
      if (node['additionalProperties'] !== false) {
        fail(path, `'additionalProperties' is required to be supplied and to be false.`);
      }
      const required = listOf(node['required']);
      const left = Object.keys(properties).find((key) => !required.includes(key));
      if (left !== undefined) {
        fail(
          path,
          `'required' is required to be supplied and to be an array including every key in properties. Missing '${left}'.`,
        );
      }
    }
    for (const group of ['properties', '$defs', 'definitions']) {
      const children = node[group];
      if (!isRecord(children)) continue;
      for (const [key, child] of Object.entries(children)) visit(child, [...path, group, key]);
    }
    for (const group of ['anyOf', 'allOf']) {
      listOf(node[group]).forEach((child, index) => visit(child, [...path, group, String(index)]));
    }
    visit(node['items'], [...path, 'items']);
  };
  if (!isRecord(schema) || schema['type'] !== 'object') {
    if (what.startsWith('function')) fail([], `schema must be a JSON Schema of 'type: "object"'.`);
  }
  visit(schema, []);
}

function badName(param: string, name: string | undefined): Error {
  return name === undefined
    ? invalidRequest(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter')
    : invalidRequest(
        `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
        param,
        'invalid_value',
      );
}
