// Runs an agent's loop in this process: model and tools are the real ones, and nothing lies between them. No server, no store.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { ToolRejection, type AnyAgent, type AnyTool } from 'longhaul';
import { canonicalJson } from '../../activities/store/canonical-json';
import type { ModelProvider, ToolSpec } from '../../activities/model/provider';
import type { AssistantMessage, JsonValue, Message, ToolMessage } from '../../workflows/contract/message';

export interface ToolEnvironment {
  stateDir: string;
  runId?: string;
  effectKey?: string;
  signal?: AbortSignal;
}

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** Removed when the test file that asks for it is through. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'longhaul-demo-'));
  folders.push(folder);
  return folder;
}

/** What the tool answers, parsed by its own schemas on the way in and out. */
export async function runTool(
  tool: AnyTool,
  args: JsonValue,
  input: JsonValue,
  { stateDir, runId = 'run-1', effectKey = 'effect-1', signal = new AbortController().signal }: ToolEnvironment,
): Promise<JsonValue> {
  const run = tool.run as (args: unknown, context: unknown) => unknown;
  const context = {
    input: tool.needs?.parse(input) ?? {},
    secrets: {},
    effectKey,
    signal,
    files: {},
    attempt: 1,
    run: { id: runId, tenant: 'test' },
    stateDir,
  };
  const answer = await run(tool.input.parse(args), context);
  return JSON.parse(new TextDecoder().decode(canonicalJson(z.parse(tool.output, answer)))) as JsonValue;
}

export interface DirectRun {
  answer: string;
  turns: number;
  messages: Message[];
}

/** @throws Error when the model has not answered after 20 turns */
export async function runDirectly(
  agent: AnyAgent,
  provider: ModelProvider,
  input: JsonValue,
  environment: ToolEnvironment,
): Promise<DirectRun> {
  const tools: ToolSpec[] = agent.tools.map((tool) => ({
    name: tool.name,
    description: tool.description,
    input: z.toJSONSchema(tool.input, { io: 'input' }) as ToolSpec['input'],
  }));
  const first = typeof input === 'string' ? input : new TextDecoder().decode(canonicalJson(input));
  const messages: Message[] = [{ role: 'user', parts: [{ type: 'text', text: first }] }];
  for (let turn = 1; turn <= 20; turn += 1) {
    const response = await provider.generate(
      {
        model: 'extractive-1',
        instructions: '',
        messages,
        tools,
        parameters: {},
        rawItems: new Map(),
        loadFile: () => Promise.reject(new Error('no files here')),
      },
      { signal: new AbortController().signal },
    );
    messages.push(response.message);
    if (response.finish === 'stop') return { answer: textOf(response.message), turns: turn, messages };
    messages.push(...(await callTools(agent, response.message, input, turn, environment)));
  }
  throw new Error('the model did not come to an end');
}

const textOf = (message: AssistantMessage): string =>
  message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');

async function callTools(
  agent: AnyAgent,
  answer: AssistantMessage,
  input: JsonValue,
  turn: number,
  environment: ToolEnvironment,
): Promise<ToolMessage[]> {
  const calls = answer.parts.filter((part) => part.type === 'tool-call');
  return Promise.all(
    calls.map(async ({ call, name, arguments: args }): Promise<ToolMessage> => {
      const tool = agent.tools.find((candidate) => candidate.name === name);
      if (!tool) throw new Error(`no tool ${name}`);
      try {
        const effectKey = `turn-${turn}/${call}`;
        const output = await runTool(tool, args, input, { ...environment, effectKey });
        return toolMessage(call, name, 'ok', new TextDecoder().decode(canonicalJson(output)));
      } catch (error) {
        if (!(error instanceof ToolRejection)) throw error;
        return toolMessage(call, name, 'error', error.message);
      }
    }),
  );
}

const toolMessage = (call: number, name: string, outcome: 'ok' | 'error', text: string): ToolMessage => ({
  role: 'tool',
  call,
  name,
  outcome,
  parts: [{ type: 'text', text }],
});

export interface Citation {
  path: string;
  line: number;
  text: string;
}

/** The `path:line: text` lines of an answer. */
export const citationsIn = (answer: string): Citation[] =>
  [...answer.matchAll(/^(\S[^:\n]*):(\d+): (.*)$/gm)].map(([, file = '', line, text = '']) => ({
    path: file,
    line: Number(line),
    text,
  }));

/** What is wrong with a citation, or undefined when the file has that text on that line. */
export async function citationFault(dir: string, { path: file, line, text }: Citation): Promise<string | undefined> {
  const lines = (await readFile(path.join(dir, file), 'utf8')).split('\n');
  const there = lines[line - 1];
  if (there === undefined) return `${file} has no line ${line}`;
  return there.includes(text) ? undefined : `${file}:${line} is "${there}", not "${text}"`;
}

export const sha256Of = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
