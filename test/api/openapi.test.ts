// Needs: nothing. The OpenAPI document says what there is, in its own form, and its page needs nothing from elsewhere.
import { z } from 'zod';
import { openApiDocument } from '../../client/api/openapi';
import { openApiPage } from '../../client/api/openapi-page';
import { PROBLEMS } from '../../client/api/problem';
import { ROUTES } from '../../client/api/routes';

const documentSchema = z.object({
  openapi: z.literal('3.1.0'),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        operationId: z.string(),
        parameters: z.array(z.looseObject({ name: z.string(), in: z.string(), required: z.boolean() })),
        responses: z.record(
          z.string(),
          z.looseObject({
            content: z.record(z.string(), z.object({ schema: z.looseObject({}).optional() })).optional(),
          }),
        ),
      }),
    ),
  ),
  components: z.object({ schemas: z.record(z.string(), z.looseObject({})) }),
});

const made = openApiDocument(ROUTES, { takesKeys: true });
/** As it is sent. */
const { paths, components } = documentSchema.parse(JSON.parse(JSON.stringify(made)));

test('every reference is there, every operation has a name of its own, every path names its parameters', () => {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, ...operation })),
  );
  expect(operations.length).toBeGreaterThan(15);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { path, parameters, responses } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(named);
    expect(Object.keys(responses)).toContain('default');
  }
  const refs = [...JSON.stringify(paths).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
  expect(refs.filter((name) => !(String(name) in components.schemas))).toEqual([]);
  expect(JSON.stringify({ paths, components })).not.toContain('$schema');
});

test('every type of a problem is in it', () => {
  expect(components.schemas['Problem']).toMatchObject({ properties: { type: { enum: Object.keys(PROBLEMS) } } });
});

test('its page names every path, runs nothing, and loads nothing', () => {
  const page = openApiPage(made);
  for (const path of Object.keys(paths)) expect(page).toContain(path);
  expect(page).not.toMatch(/<script|<link|<img|src=|https?:\/\/|@import|url\(/i);
});

/** A caller branches on them: added to, never changed, never taken away. */
test('types of problems and their statuses stay', () => {
  expect(Object.fromEntries(Object.entries(PROBLEMS).map(([type, [status]]) => [type, status]))).toMatchObject({
    'Api.InvalidRequest': 400,
    'Api.Unauthorized': 401,
    'Api.Forbidden': 403,
    'Api.NotFound': 404,
    'Api.MethodNotAllowed': 405,
    'Api.TooSlow': 408,
    'Api.BodyTooLarge': 413,
    'Api.WrongMediaType': 415,
    'Api.Invalid': 422,
    'Api.IdempotencyKeyReused': 422,
    'Api.HeadersTooLarge': 431,
    'Api.Busy': 503,
    'Api.Unexpected': 500,
    'Agent.NotFound': 404,
    'Release.NotFound': 404,
    'Traffic.Refused': 409,
    'Rollout.NotFound': 404,
    'Rollout.Refused': 409,
    'Run.NotFound': 404,
    'Run.IdInUse': 409,
    'Run.Refused': 409,
    'Run.Erased': 410,
    'Run.Stuck': 503,
    'Queue.Full': 429,
    'Queue.NotFound': 404,
    'Session.NotFound': 404,
    'Session.MessageNotFound': 404,
    'Session.Busy': 429,
    'Session.MailboxFull': 429,
    'Session.Retired': 409,
    'Session.MessageChanged': 409,
    'Worker.Absent': 503,
    'Temporal.Unreachable': 503,
    'Store.Unavailable': 503,
  });
});
