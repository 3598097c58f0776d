// Two rules of this project: rooms (who may import what) and cycles (nobody loads itself).
import path from 'node:path';
import { importsOf, isRelative, packageName, resolveRelative, wayBack } from './import-graph.mjs';
import { mayImport, roomOf } from './rooms.mjs';

/** @param {string} top @param {string} file */
const fromTop = (top, file) => path.relative(top, file).split(path.sep).join('/');

/** @type {import('eslint').Rule.RuleModule} */
const roomsRule = {
  meta: { type: 'problem', schema: [], messages: { refused: '{{room}} may not import {{to}}: {{why}}.' } },
  create(context) {
    const from = fromTop(context.cwd, context.filename);
    const room = roomOf(from);
    if (!room) return {};
    return {
      Program() {
        for (const { specifier, typeOnly, start, end } of importsOf(context.filename, context.sourceCode.text)) {
          const own = isRelative(specifier);
          const to = own ? fromTop(context.cwd, resolveRelative(context.filename, specifier)) : packageName(specifier);
          if (mayImport(room, { from, to, own, typeOnly })) continue;
          const loc = {
            start: context.sourceCode.getLocFromIndex(start),
            end: context.sourceCode.getLocFromIndex(end),
          };
          context.report({ loc, messageId: 'refused', data: { room: room.name, to, why: room.why } });
        }
      },
    };
  },
};

/** @type {import('eslint').Rule.RuleModule} */
const cyclesRule = {
  meta: { type: 'problem', schema: [], messages: { cycle: 'This import leads back here: {{way}}.' } },
  create(context) {
    return {
      Program() {
        for (const { specifier, typeOnly, start, end } of importsOf(context.filename, context.sourceCode.text)) {
          if (typeOnly || !isRelative(specifier)) continue;
          const way = wayBack(resolveRelative(context.filename, specifier), context.filename);
          if (!way) continue;
          const loc = {
            start: context.sourceCode.getLocFromIndex(start),
            end: context.sourceCode.getLocFromIndex(end),
          };
          const shown = way.map((file) => fromTop(context.cwd, file)).join(' → ');
          context.report({ loc, messageId: 'cycle', data: { way: shown } });
        }
      },
    };
  },
};

export const importRules = { rules: { rooms: roomsRule, cycles: cyclesRule } };
