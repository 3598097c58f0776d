// The agent's tools as a test runs them: some replaced, all watched. Schemas and policies stay the tool's own.
import type { AnyAgent } from '../../activities/define/agent';
import type { AnyTool } from '../../activities/define/tool';
import type { RunControls } from './test-run';
import { TestSetupError } from './test-setup-error';

/** One attempt of a tool that ran. A call whose arguments did not fit never ran: it stands in the transcript alone. */
export interface WatchedToolCall {
  kind: 'tool';
  tool: string;
  /** As the tool received them: parsed. */
  args: unknown;
  /** From 1. */
  attempt: number;
  /** What it answered; absent while it runs, and when it threw. */
  result?: unknown;
  /** What it threw. */
  error?: unknown;
}

export interface WatchToolsOptions {
  overrides: { readonly [tool: string]: unknown };
  /** Where calls are noted, as they begin. */
  calls: { push(call: WatchedToolCall): unknown };
  /** Of the run that the tools belong to. */
  controls(): RunControls;
}

/** @throws Error when an override names no tool of the agent, or is no function */
export function watchTools({ name: agent, tools }: AnyAgent, options: WatchToolsOptions): AnyTool[] {
  const names = [...new Set(tools.flatMap(({ name, fallback }) => [name, ...fallback.map((tool) => tool.name)]))];
  for (const [name, override] of Object.entries(options.overrides)) {
    if (!names.includes(name)) {
      throw new Error(`tools.${name}: agent ${agent} has no such tool. Its tools: ${names.join(', ') || 'none'}.`);
    }
    if (typeof override !== 'function') throw new Error(`tools.${name}: give a function.`);
  }
  return tools.map((tool) => watch(tool, options));
}

function watch(tool: AnyTool, options: WatchToolsOptions): AnyTool {
  const { overrides, calls, controls } = options;
  const override = Object.hasOwn(overrides, tool.name) ? overrides[tool.name] : undefined;
  const code: unknown = override ?? tool.run;
  if (typeof code !== 'function') throw new Error(`tool ${tool.name} has no code.`);
  return {
    ...tool,
    // A replaced tool reaches nothing, so a test of it needs no secret.
    toolbox: override === undefined ? tool.toolbox : undefined,
    // It stands for the outcome too: nothing is begun that could be asked for.
    poll: override === undefined ? tool.poll : undefined,
    fallback: tool.fallback.map((other) => watch(other, options)),
    run: async (args: unknown, context: { attempt: number }) => {
      const call: WatchedToolCall = { kind: 'tool', tool: tool.name, args, attempt: context.attempt };
      calls.push(call);
      try {
        const given = override === undefined ? context : { ...context, test: controls() };
        call.result = await Reflect.apply(code, tool, [args, given]);
        return call.result;
      } catch (error) {
        call.error = error;
        throw error;
      }
    },
  };
}

/** What a tool may want of the outside in a test, and does not get unless the test gives it. */
export function secretsFrom(given: { readonly [name: string]: string }) {
  return (toolbox: { name: string; secrets: readonly string[] }): { [name: string]: string } =>
    Object.fromEntries(
      toolbox.secrets.map((name) => {
        const secret = given[name];
        if (secret === undefined) {
          throw new TestSetupError(
            `a tool of toolbox ${toolbox.name} runs for real and needs ${name}: replace it in \`tools\`, or give \`secrets\`.`,
          );
        }
        return [name, secret];
      }),
    );
}
