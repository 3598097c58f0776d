// Which file loads which, from the text alone: enough for the import rules, and fast enough to run in an editor.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import ts from 'typescript';

/** @typedef {{ specifier: string; typeOnly: boolean; start: number; end: number }} Import */

/** @param {string} specifier */
export const isRelative = (specifier) => /^\.{1,2}(\/|$)/.test(specifier);

/** A package as the room table names it: Node's own modules always with their prefix. @param {string} specifier */
export const packageName = (specifier) => (builtinModules.includes(specifier) ? `node:${specifier}` : specifier);

/** @param {string} from absolute @param {string} specifier relative @returns {string} absolute; a guess when there is no such file */
export function resolveRelative(from, specifier) {
  const base = path.resolve(path.dirname(from), specifier);
  const candidates = [base, `${base}.ts`, path.join(base, 'index.ts')];
  return candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile()) ?? `${base}.ts`;
}

/** @param {ts.ImportDeclaration | ts.ExportDeclaration} node */
function isTypeOnly(node) {
  if (ts.isExportDeclaration(node)) {
    const named = node.exportClause && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : undefined;
    return node.isTypeOnly || (named !== undefined && named.length > 0 && named.every((name) => name.isTypeOnly));
  }
  const clause = node.importClause;
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const named =
    clause.namedBindings && ts.isNamedImports(clause.namedBindings) ? clause.namedBindings.elements : undefined;
  return !clause.name && named !== undefined && named.length > 0 && named.every((name) => name.isTypeOnly);
}

/** Static and dynamic imports, re-exports, `require`, `require.resolve` excepted: that names a path and loads nothing.
 * @param {string} file @param {string} text @returns {Import[]} */
export function importsOf(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, false);
  /** @type {Import[]} */
  const found = [];
  const add = (/** @type {ts.Node | undefined} */ literal, /** @type {boolean} */ typeOnly) => {
    if (literal && ts.isStringLiteralLike(literal))
      found.push({ specifier: literal.text, typeOnly, start: literal.getStart(source), end: literal.end });
  };
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isExternalModuleReference(node)) add(node.expression, false);
    else if (ts.isCallExpression(node) && isLoad(node.expression)) add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** @param {ts.Expression} callee */
const isLoad = (callee) =>
  callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');

/** @type {Map<string, { changed: number; loads: string[] }>} */
const known = new Map();

/** Files that `file` loads when it is loaded; types vanish and count for nothing. @param {string} file absolute */
function loads(file) {
  const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (changed === undefined) return [];
  const kept = known.get(file);
  if (kept?.changed === changed) return kept.loads;
  const fresh = loadsOf(file, readFileSync(file, 'utf8'));
  known.set(file, { changed, loads: fresh });
  return fresh;
}

/** @param {string} file @param {string} text */
const loadsOf = (file, text) =>
  importsOf(file, text)
    .filter(({ specifier, typeOnly }) => !typeOnly && isRelative(specifier))
    .map(({ specifier }) => resolveRelative(file, specifier));

/** The shortest way from `start` back to `file`, both included, or undefined. @param {string} start @param {string} file */
export function wayBack(start, file) {
  const ways = [[start]];
  const seen = new Set([start]);
  for (let way = ways.shift(); way; way = ways.shift()) {
    for (const next of loads(/** @type {string} */ (way.at(-1)))) {
      if (next === file) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}
