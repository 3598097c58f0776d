// The OpenAPI document as a page: no script, and nothing from elsewhere.
import { PROBLEMS } from './problem';
import type { OpenApiDocument, Operation } from './openapi';

/** Of what the page itself brings: its style. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.5rem; border: 1px solid #8886; }
summary { cursor: pointer; padding: 0.3rem 0; }
table { border-collapse: collapse; } td, th { text-align: left; padding: 0.1rem 1rem 0.1rem 0; vertical-align: top; }`;

const ENTITIES: { readonly [character: string]: string } = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value: string | undefined): string =>
  (value ?? '').replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
const json = (value: unknown): string => `<pre>${text(JSON.stringify(value, null, 2))}</pre>`;

export function openApiPage({ info, paths, components }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const groups = [...new Set(operations.map(({ operation }) => operation.tags[0] ?? ''))];
  const sections = groups.map((group) => {
    const own = operations.filter(({ operation }) => operation.tags[0] === group);
    return `<h2>${text(group)}</h2>${own.map(operationHtml).join('')}`;
  });
  const problems = Object.entries(PROBLEMS).map(
    ([type, [status, title]]) => `<tr><td><code>${type}</code></td><td>${status}</td><td>${text(title)}</td></tr>`,
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="${text(name)}"><summary><code>${text(name)}</code></summary>${json(schema)}</details>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(info.title)}</title><style>${STYLE}</style></head><body>
<h1>${text(info.title)}</h1>
<p>The same as a document: <a href="/v1/openapi.json">/v1/openapi.json</a> (OpenAPI 3.1).</p>
${sections.join('\n')}
<h2>problems</h2><table>${problems.join('')}</table>
<h2>schemas</h2>${schemas.join('')}
</body></html>
`;
}

function operationHtml({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { summary, description, parameters, requestBody, responses } = operation;
  const taken = parameters.map(
    (one) =>
      `<tr><td><code>${text(one.name)}</code></td><td>${text(one.in)}</td><td>${text(one.description)}</td></tr>`,
  );
  const answers = Object.entries(responses).map(([status, answer]) => {
    const [content] = Object.values(answer.content ?? {});
    const ref = content?.schema?.['$ref'];
    const name = typeof ref === 'string' ? ref.split('/').at(-1) : undefined;
    const shape = name === undefined ? '' : `<a href="#${text(name)}">${text(name)}</a>`;
    return `<tr><td>${text(status)}</td><td>${shape}</td><td>${text(answer.description)}</td></tr>`;
  });
  const body = requestBody?.content['application/json']?.schema;
  return `<details><summary><code>${method.toUpperCase()} ${text(path)}</code> ${text(summary)}</summary>
<p>${text(description)}</p>${taken.length === 0 ? '' : `<table>${taken.join('')}</table>`}${body === undefined ? '' : json(body)}
<table>${answers.join('')}</table></details>`;
}
