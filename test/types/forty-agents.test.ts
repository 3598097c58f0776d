// Needs: Node and the TypeScript compiler. How long a large project of a user takes to check: 40 agents of 10 tools, and their callers.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const AGENTS = 40;
const TOOLS = 10;
/** The promise to users is 10 s on an idle machine; the cap only catches types that have become another order of magnitude. */
const CAP_MS = 60_000;

const ROOT = path.resolve(__dirname, '../..');
const TSC = require.resolve('typescript/bin/tsc');

/** A busy machine stretches the time by the clock, not the processor's. */
const REPORT_CPU = `data:text/javascript,${encodeURIComponent(
  "process.on('exit', () => console.log('CPU:', (process.cpuUsage().user / 1e6).toFixed(1)))",
)}`;

const toolText = (agent: number, tool: number): string => `
const tool${tool} = defineTool({
  name: 'tool_${agent}_${tool}',
  toolbox: box,
  description: 'Tool ${tool} of agent ${agent}.',
  input: z.object({
    orderId: z.string(),
    amount: z.number().positive(),
    items: z.array(z.object({ sku: z.string(), count: z.number().int(), note${tool}: z.string().optional() })),
    kind: z.enum(['a${tool}', 'b', 'c']).default('b'),
  }),
  output: z.object({ id: z.string(), total${tool}: z.number(), lines: z.array(z.object({ sku: z.string() })) }),
  effect: '${['read', 'idempotent', 'keyed', 'at-most-once'][tool % 4] ?? 'read'}',
  timeout: '20s',
  needs: z.object({ customer: z.string() }),
  run: ({ orderId, amount, items, kind }, { secrets, input }) => ({
    id: orderId + kind + input.customer + secrets.KEY_${agent},
    total${tool}: items.reduce((sum, { count }) => sum + count, amount),
    lines: items.map(({ sku }) => ({ sku })),
  }),
});`;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

const agentText = (agent: number): string => `
import { z } from 'zod';
import { defineAgent, defineTool, defineToolbox } from 'longhaul';
const box = defineToolbox({ name: 'box', secrets: ['KEY_${agent}'] });
${numbers(TOOLS)
  .map((tool) => toolText(agent, tool))
  .join('\n')}
export const agent${agent} = defineAgent({
  name: 'agent_${agent}',
  instructions: 'Work.',
  input: z.object({ customer: z.string(), question${agent}: z.string() }),
  output: z.object({ answer${agent}: z.string(), sources: z.array(z.object({ path: z.string(), line: z.number() })) }),
  tools: [${numbers(TOOLS)
    .map((tool) => `tool${tool}`)
    .join(', ')}],
});
`;

const callerText = (agent: number): string => `
import type { AgentInput, AgentOutput } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import { agent${agent} } from './agent${agent}';
const input: AgentInput<typeof agent${agent}> = { customer: 'c', question${agent}: 'q' };
export const answer = (output: AgentOutput<typeof agent${agent}>): string => output.answer${agent};
const t = testAgent(agent${agent}, {
  model: script().answer({ answer${agent}: 'a', sources: [] }),
  tools: { tool_${agent}_0: ({ orderId }) => ({ id: orderId, total0: 1, lines: [] }) },
});
export const run = async () => {
  const result = await (await t.start(input)).result();
  return result.outcome === 'completed' ? answer(result.output) : result.failure.message;
};
// @ts-expect-error what is promised to be checked, is
export const wrong: AgentInput<typeof agent${agent}> = { customer: 'c' };
`;

test(`${AGENTS} agents of ${TOOLS} tools, with a caller and a test each, are checked in seconds`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'longhaul-types-'));
  try {
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    const types = emitTypes(path.join(folder, 'longhaul'));
    for (const agent of numbers(AGENTS)) {
      writeFileSync(path.join(folder, `agent${agent}.ts`), agentText(agent));
      writeFileSync(path.join(folder, `caller${agent}.ts`), callerText(agent));
    }
    const compilerOptions = {
      ...{ target: 'ES2023', lib: ['ES2023'], module: 'NodeNext', strict: true, noEmit: true, skipLibCheck: true },
      ...{ types: ['node'], paths: types },
    };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    const began = performance.now();
    const report = compile(folder, '--extendedDiagnostics');
    const took = performance.now() - began;
    const figure = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(report)?.[1] ?? '?';
    console.log(
      `${AGENTS} agents of ${TOOLS} tools: ${(took / 1000).toFixed(1)} s by the clock, ${figure('CPU')} s of the processor ` +
        `(check ${figure('Check time')}, ${figure('Instantiations')} instantiations, ${figure('Types')} types, ${figure('Memory used')})`,
    );
    expect(took).toBeLessThan(CAP_MS);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

/** Declarations, as the package ships them: a user's compiler sees nothing else of it. */
function emitTypes(outDir: string): { [specifier: string]: string[] } {
  const entries = { longhaul: 'activities/define/index', 'longhaul/testing': 'test/kit/index' };
  mkdirSync(outDir);
  const config = {
    extends: path.join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      ...{ noEmit: false, emitDeclarationOnly: true, noCheck: true, sourceMap: false, types: ['node'] },
      ...{ rootDir: ROOT, outDir },
    },
    files: Object.values(entries).map((entry) => path.join(ROOT, `${entry}.ts`)),
    include: [],
  };
  writeFileSync(path.join(outDir, 'tsconfig.json'), JSON.stringify(config));
  compile(outDir);
  return Object.fromEntries(
    Object.entries(entries).map(([specifier, entry]) => [specifier, [path.join(outDir, `${entry}.d.ts`)]]),
  );
}

/** @throws Error with what the compiler found */
function compile(folder: string, ...options: string[]): string {
  try {
    const arguments_ = ['--import', REPORT_CPU, TSC, '-p', folder, '--pretty', 'false', ...options];
    return execFileSync(process.execPath, arguments_, { encoding: 'utf8' });
  } catch (error) {
    const found = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`tsc refused what it must accept:\n${found.slice(0, 4_000)}`, { cause: error });
  }
}
