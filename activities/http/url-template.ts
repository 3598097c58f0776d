// `https://api.example.com/orders/{orderId}`: a URL with places for arguments, which can never become anything but one part of it.
import { ToolRejection } from '../define/tool';

export interface UrlTemplate {
  /** Of the arguments that stand in it. */
  names: ReadonlySet<string>;
  origin: string;
  /** @throws ToolRejection when an argument cannot stand in a URL */
  fill(args: { readonly [name: string]: unknown }): URL;
}

const PLACE = /\{(\w+)\}/g;

/** @throws Error when it is no URL, has a place in its host, or names an argument that there is none of */
export function urlTemplate(template: string, known: readonly string[]): UrlTemplate {
  const names = [...template.matchAll(PLACE)].map(([, name = '']) => name);
  const sample = template.replaceAll(PLACE, 'x');
  if (!URL.canParse(sample)) throw new Error(`"${template}" is no URL.`);
  const { origin } = new URL(sample);
  // The host is the author's to say: an argument in it could be any.
  if (/^[^/]*\/\/[^/?#]*\{/.test(template)) throw new Error(`"${template}": an argument cannot stand in the host.`);
  if (/[{}]/.test(template.replaceAll(PLACE, '')))
    throw new Error(`"${template}": a place for an argument is written {name}.`);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`"${template}": the input has no "${unknown}".`);
  const query = template.search(/[?#]/);
  return {
    names: new Set(names),
    origin,
    fill: (args) =>
      new URL(
        template.replaceAll(PLACE, (_, name: string, at: number) =>
          encodeURIComponent(written(name, args[name], query === -1 || at < query).toWellFormed()),
        ),
      ),
  };
}

function written(name: string, value: unknown, inPath: boolean): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    throw new ToolRejection(`${name} must be given, as text or a number.`);
  const text = String(value);
  // These do not name something in a folder, but the folder or the one above it.
  if (inPath && ['', '.', '..'].includes(text)) throw new ToolRejection(`${name} may not be "${text}".`);
  return text;
}
