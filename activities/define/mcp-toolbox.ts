// Tools of somebody else: a server that speaks the Model Context Protocol, what of it an agent may use, and how far each is trusted.
import type { z } from 'zod';
import type { AllowPrivate } from '../http/addresses';
import { checkSecretPlaces } from '../http/secret-template';
import { createWalls } from '../http/walls';
import { definitionName } from './definition-name';
import { durationMs, type Duration } from './duration';
import { onlyKnownKeys } from './known-keys';
import type { ToolDefinition } from './tool';
import { TOOLBOX_OPTIONS, toolboxLimits, type ToolboxLimits, type ToolboxOptions } from './toolbox-limits';

type Policies = Omit<
  ToolDefinition<string, z.ZodObject, z.core.$ZodType, z.ZodObject, string>,
  'name' | 'description' | 'input' | 'output' | 'toolbox' | 'needs' | 'poll' | 'run'
>;

/** What the server cannot be asked. Its own hints about effects are hints of a stranger, and are not read. */
export interface McpToolOptions extends Partial<Policies> {
  /** The name that the model calls it by, where its own is taken or holds other signs than letters, digits, "_" and "-". */
  as?: string;
}

/** `{secrets.NAME}` stands for a secret, in values of `env` and `headers`. */
export type McpServer =
  | {
      command: string;
      args?: readonly string[];
      /** Beside PATH, HOME and the like, and the toolbox's secrets by their names: the server sees nothing else of the environment. */
      env?: { readonly [name: string]: string };
      cwd?: string;
    }
  | {
      /** Streamable HTTP. Only this origin is reached. */
      url: string;
      headers?: { readonly [name: string]: string };
      /** As of httpTool. @default false */
      allowPrivate?: AllowPrivate;
    };

export interface McpToolbox<Offered extends string = string> {
  readonly kind: 'mcp-toolbox';
  readonly name: string;
  readonly secrets: readonly string[];
  readonly server: McpServer;
  readonly tools: 'all' | { readonly [tool: string]: McpToolOptions };
  /** As the model calls them; undefined where the server says which there are. */
  readonly offered: readonly Offered[] | undefined;
  readonly startTimeoutMs: number;
  readonly limits: ToolboxLimits;
}

type ToolChoice = 'all' | { readonly [tool: string]: McpToolOptions };
type OfferedBy<Tools extends ToolChoice> = Tools extends 'all'
  ? string
  : { [K in keyof Tools & string]: Tools[K] extends { as: infer As extends string } ? As : K }[keyof Tools & string];

/** Some servers are fetched by their command when they start for the first time. */
const DEFAULT_START_TIMEOUT_MS = 60_000;

/**
 * Declares a server whose tools agents use, in `toolboxes`. Its tools are listed when a release is made, and pinned: a tool that says
 * something else of itself later is refused. A tool is `at-most-once` unless it is said what it is.
 * @throws Error when a part of the definition is not usable
 */
export function mcpToolbox<const Tools extends ToolChoice>(
  definition: {
    name: string;
    server: McpServer;
    /** By their names on the server. `'all'` takes whatever it has, each as `at-most-once`. */
    tools: Tools;
    /** Names of environment variables that the server receives. */
    secrets?: readonly string[];
    /** Until the server has started and told its tools. @default '60s' */
    startTimeout?: Duration;
  } & ToolboxOptions,
): McpToolbox<OfferedBy<Tools>>;
export function mcpToolbox(
  definition: {
    name: string;
    server: McpServer;
    tools: ToolChoice;
    secrets?: readonly string[];
    startTimeout?: Duration;
  } & ToolboxOptions,
): McpToolbox {
  const { server, tools, secrets = [], startTimeout = DEFAULT_START_TIMEOUT_MS } = definition;
  const name = definitionName('toolbox', definition.name);
  const what = `toolbox ${name}`;
  onlyKnownKeys(definition, ['name', 'server', 'tools', 'secrets', 'startTimeout', ...TOOLBOX_OPTIONS], what);
  checkServer(server, secrets, what);
  const offered =
    tools === 'all' ? undefined : Object.entries(tools).map(([tool, { as }]) => definitionName('tool', as ?? tool));
  if (offered?.length === 0) throw new Error(`${what}: name in \`tools\` what agents may use, or write 'all'.`);
  const startTimeoutMs = durationMs(startTimeout, `${what}: startTimeout`);
  const limits = toolboxLimits(definition, what);
  return { kind: 'mcp-toolbox', name, secrets, server, tools, offered, startTimeoutMs, limits };
}

function checkServer(server: McpServer, secrets: readonly string[], what: string): void {
  try {
    const known = 'url' in server ? ['url', 'headers', 'allowPrivate'] : ['command', 'args', 'env', 'cwd'];
    onlyKnownKeys(server, known, 'server');
    const texts = 'url' in server ? server.headers : server.env;
    for (const text of Object.values(texts ?? {})) checkSecretPlaces(text, secrets);
    if ('url' in server) createWalls({ hosts: [originOf(server.url)], allowPrivate: server.allowPrivate });
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function originOf(url: string): string {
  if (!URL.canParse(url)) throw new Error(`"${url}" is no URL.`);
  return new URL(url).origin;
}
