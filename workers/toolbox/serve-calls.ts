// The tools of one toolbox, as its own process serves them: code of the agents that use it, the store through a broker, no Temporal.
import { ApplicationFailure } from '@temporalio/common';
import { callTool } from '../../activities/call-tool';
import { createCircuitBreaker } from '../../activities/circuit-breaker';
import type { ActivityMetrics, Attempt, ToolCallDeps } from '../../activities/deps';
import { NO_METRICS } from '../../activities/no-metrics';
import { createMcpServers, type McpServers } from '../../activities/mcp/mcp-servers';
import { safeText } from '../../activities/redact';
import type { ToolStore } from '../../activities/store';
import { isFailureType, isRetryable } from '../../workflows/contract/failures';
import { isShadowId } from '../../workflows/contract/names';
import { createAgentRegistry } from '../agent-registry';
import { createFailpoints } from '../failpoints';
import { loadAgentFiles } from '../load-agents';
import { secretsFrom } from '../secrets-from';
import { workerIdentity } from '../worker-identity';
import type { BeginToolbox, FromChild, ToChild } from './messages';
import { serverOf } from './toolbox-specs';

export interface ServeCallsOptions {
  begin: BeginToolbox;
  toolStore: ToolStore;
  /** An environment variable, or undefined when unset or empty. */
  read(name: string): string | undefined;
  say(message: FromChild): void;
}

type Failed = Extract<FromChild, { kind: 'failed' }>;

export interface ServedCalls {
  receive(message: ToChild): Promise<void>;
  /** Ends the servers of MCP that were started here. */
  close(): Promise<void>;
}

export function serveCalls({ begin, toolStore, read, say }: ServeCallsOptions): ServedCalls {
  const { toolbox, stateDir, settings, strict, failpoint } = begin;
  const agents = createAgentRegistry({ strict });
  const underWay = new Map<number, AbortController>();
  const secretsOf = secretsFrom((name) => (toolbox.secrets.includes(name) ? read(name) : undefined));
  const servers = createMcpServers({ secretsOf });
  let listed: Extract<ToChild, { kind: 'load' }>['servers'] = {};
  const mcp: McpServers = {
    ...servers,
    // As the parent has them, so that both come to one release: this process lacks the secrets of other toolboxes.
    list: async (box) => {
      const tools = listed[serverOf(box)];
      if (tools) return await Promise.resolve(tools);
      throw new Error(`toolbox ${box.name}: its server did not tell its tools to the process that loads agents.`);
    },
  };
  const { breaker } = toolbox;
  const deps: ToolCallDeps = {
    toolbox: toolbox.name,
    ...(breaker
      ? {
          breaker: createCircuitBreaker({
            limits: breaker,
            onState: (state) => say({ kind: 'breaker', state }),
            onRefused: () => say({ kind: 'refused' }),
          }),
        }
      : {}),
    toolStore,
    agents,
    secretsOf,
    approvers: begin.approvers,
    stateDir,
    worker: workerIdentity(),
    now: Date.now,
    metrics: metricsThrough(say),
    failpoint: createFailpoints(failpoint),
  };
  const receive: ServedCalls['receive'] = async (message) => {
    switch (message.kind) {
      case 'begin':
        return;
      case 'load': {
        listed = message.servers;
        const { agents: loaded, problems } = await loadAgentFiles(message.files, {
          ...{ settings: { ...settings, stateDir }, mcp, releases: message.releases },
        });
        agents.replaceAll(loaded);
        return say({ kind: 'loaded', id: message.id, problems });
      }
      case 'cancel':
        return underWay.get(message.id)?.abort();
      case 'call': {
        const { id, input } = message;
        const cancelled = new AbortController();
        underWay.set(id, cancelled);
        const attempt: Attempt = { ...message.attempt, signal: cancelled.signal };
        try {
          // What a shadow does is counted nowhere.
          const counted = isShadowId(attempt.workflowId) ? { metrics: NO_METRICS } : {};
          const answer = await callTool({ ...deps, ...counted, toolStore: toolStore.of(input.tenant) }, input, attempt);
          say({ kind: 'answered', id, answer });
        } catch (error) {
          say({ kind: 'failed', id, ...failedWith(error) });
        } finally {
          underWay.delete(id);
        }
      }
    }
  };
  return { receive, close: servers.close };
}

/** A failure's class does not travel. What nobody foresaw is told by its text, as in a worker. */
function failedWith(error: unknown): Omit<Failed, 'kind' | 'id'> {
  if (error instanceof ApplicationFailure && isFailureType(error.type)) {
    const { type, message, nonRetryable, nextRetryDelay } = error;
    return {
      type,
      message,
      ...(nonRetryable && isRetryable(type) ? { final: true as const } : {}),
      ...(typeof nextRetryDelay === 'number' ? { retryAfterMs: nextRetryDelay } : {}),
    };
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { type: 'Runtime.Unexpected', message: safeText(text) };
}

/** Calls of models and ends of runs are not made here. */
const metricsThrough = (say: (message: FromChild) => void): ActivityMetrics => ({
  ...NO_METRICS,
  toolCall: (call) => say({ kind: 'called', ...call }),
  reused: () => say({ kind: 'reused' }),
  stepBegun: ({ kind: _, ...step }) => say({ kind: 'begun', ...step }),
});
