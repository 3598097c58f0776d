// Names of refs, in one place. Ids that callers choose are percent-encoded, so that a `/` in one cannot reach another's record.
import { createHash } from 'node:crypto';
import type { CallKey } from '../../workflows/contract/activities';
import { isShadowId } from '../../workflows/contract/names';
import { objectHash } from './canonical-json';

/** Zero-padded, so that a listing by name is a listing in order. */
const padded = (value: number, digits: number): string => String(value).padStart(digits, '0');

export const CALL_PREFIX = 'call/';
export const RUN_PREFIX = 'run/';
export const AGENT_PREFIX = 'agent/';
/** Runs that were started and have no recorded end: a short list, however many there ever were. */
export const OPEN_PREFIX = 'open/';
/** Shadows have places of their own: whoever lists runs, counts them or looks after them finds none. */
export const SHADOW_RUNS = 'shadow/';
const SHADOWS_OPEN = 'shadow-open/';

/** Calls of all forks. */
export const callsOfFirst = (firstRunId: string): string => `${CALL_PREFIX}${encodeURIComponent(firstRunId)}/`;
export const callsOfRun = (firstRunId: string, fork: number): string =>
  `${callsOfFirst(firstRunId)}${padded(fork, 4)}/`;
export const callRecordName = ({ run, fork, turn, index }: CallKey): string =>
  `${callsOfRun(run, fork)}${padded(turn, 6)}/${padded(index, 4)}`;
/** What a run's tools have done to the world, by the key of each action. */
export const EFFECT_PREFIX = 'effect/';
export const effectsOfFirst = (firstRunId: string): string => `${EFFECT_PREFIX}${encodeURIComponent(firstRunId)}/`;
export const effectRecordName = ({ run, fork }: Pick<CallKey, 'run' | 'fork'>, effectKey: string): string =>
  `${effectsOfFirst(run)}${padded(fork, 4)}/${effectKey}`;
/** What people have said to a run on its way, by the message. */
export const saidOfFirst = (firstRunId: string): string => `said/${encodeURIComponent(firstRunId)}/`;
export const saidName = (firstRunId: string, message: string): string => `${saidOfFirst(firstRunId)}${message}`;
/** What a run has asked people, with what they decided. */
export const requestsOfFirst = (firstRunId: string): string => `request/${encodeURIComponent(firstRunId)}/`;
export const requestName = (firstRunId: string, number: number): string =>
  `${requestsOfFirst(firstRunId)}${padded(number, 6)}`;
/** Those that nobody has decided: a short list, each the name of a request's ref. */
export const INBOX_PREFIX = 'inbox/';
export const inboxOf = (workflowId: string): string => `${INBOX_PREFIX}${encodeURIComponent(workflowId)}/`;
export const inboxName = (workflowId: string, number: number): string => `${inboxOf(workflowId)}${padded(number, 6)}`;
/** Runs of sub-agents, of all depths, under the run that a caller has started. */
export const subRunsOf = (rootId: string): string => `sub/${encodeURIComponent(rootId)}/`;
export const subRunName = (rootId: string, id: string): string => `${subRunsOf(rootId)}${encodeURIComponent(id)}`;
export const runRecordName = (workflowId: string): string =>
  `${isShadowId(workflowId) ? SHADOW_RUNS : RUN_PREFIX}${encodeURIComponent(workflowId)}`;
/** Of all executions of a run: none where nothing of it was stored yet. */
export const headsOf = (workflowId: string): string => `head/${encodeURIComponent(workflowId)}/`;
export const headName = (workflowId: string, runId: string): string =>
  `${headsOf(workflowId)}${encodeURIComponent(runId)}`;
export const agentPointerName = (agent: string): string => `${AGENT_PREFIX}${encodeURIComponent(agent)}`;
export const openRunName = (workflowId: string): string =>
  `${isShadowId(workflowId) ? SHADOWS_OPEN : OPEN_PREFIX}${encodeURIComponent(workflowId)}`;
/** Runs that are to be shadowed: a short list. */
export const SHADOWS_WANTED = 'shadow-wanted/';
export const shadowsWantedOf = (workflowId: string): string => `${SHADOWS_WANTED}${encodeURIComponent(workflowId)}/`;
export const shadowWantedName = (workflowId: string, release: string): string =>
  `${shadowsWantedOf(workflowId)}${release.slice(0, 12)}`;
/** What the shadows of an agent have used, and which are under way. */
export const SHADOW_STATES = 'shadow-state/';
export const shadowStateName = (agent: string): string => `${SHADOW_STATES}${encodeURIComponent(agent)}`;
/** The shadows of an agent in the order of their starts, newest first. */
export const shadowsOf = (agent: string): string => `shadow-index/${encodeURIComponent(agent)}/`;

/** Who changed which release new runs of an agent take, by the number of the change. */
export const TRAFFIC_PREFIX = 'traffic/';
export const trafficOf = (agent: string): string => `${TRAFFIC_PREFIX}${encodeURIComponent(agent)}/`;
export const trafficName = (agent: string, epoch: number): string => `${trafficOf(agent)}${padded(epoch, 10)}`;
/** Rollouts of an agent's releases, by their ids. */
export const ROLLOUT_PREFIX = 'rollout/';
export const rolloutsOf = (agent: string): string => `${ROLLOUT_PREFIX}${encodeURIComponent(agent)}/`;
export const rolloutName = (agent: string, id: string): string => `${rolloutsOf(agent)}${encodeURIComponent(id)}`;
/** What each look at one came to, by its number. */
export const looksOf = (agent: string, id: string): string =>
  `look/${encodeURIComponent(agent)}/${encodeURIComponent(id)}/`;
export const lookName = (agent: string, id: string, number: number): string =>
  `${looksOf(agent, id)}${padded(number, 8)}`;
/** Releases that somebody has released by command. */
export const RELEASE_PREFIX = 'release/';
export const registeredOf = (agent: string): string => `${RELEASE_PREFIX}${encodeURIComponent(agent)}/`;
export const releaseName = (agent: string, release: string): string => `${registeredOf(agent)}${release}`;
/** What each worker that lives can run. */
export const SERVING_PREFIX = 'serving/';
export const servingName = (worker: string): string => `${SERVING_PREFIX}${encodeURIComponent(worker)}`;

/** Persistent agents: where each has come to. */
export const SESSION_PREFIX = 'session/';
export const sessionRecordName = (session: string): string => `${SESSION_PREFIX}${encodeURIComponent(session)}`;
/** Releases that people hold sessions at. */
const SESSION_HOLD_PREFIX = 'session-hold/';
export const sessionHoldName = (session: string): string => `${SESSION_HOLD_PREFIX}${encodeURIComponent(session)}`;
/** What was said to a session and has no run yet, by the caller's id. */
export const MAIL_PREFIX = 'mail/';
export const mailsOf = (session: string): string => `${MAIL_PREFIX}${encodeURIComponent(session)}/`;
/** Beginning of the ids under which messages are kept that schedules send. */
export const WAKE_MAIL = 'wake ';
export const mailName = (session: string, message: string): string =>
  `${mailsOf(session)}${encodeURIComponent(message)}`;

/** Addresses of callers who are told of a run, until they are. */
export const WEBHOOK_PREFIX = 'webhook/';
export const webhookName = (watch: string): string => `${WEBHOOK_PREFIX}${encodeURIComponent(watch)}`;

/** Runs that have ended and that no watch has seen yet: a short list, in the order of their ends. */
export const UNWATCHED_PREFIX = 'unwatched/';
export const unwatchedName = (workflowId: string, endedAt: number): string =>
  `${UNWATCHED_PREFIX}${padded(endedAt, 13)}/${encodeURIComponent(workflowId)}`;
/** What a watch keeps of an agent's newest runs, numbered in the order in which it saw them, and how far it has come. */
export const WATCHED_PREFIX = 'watched/';
export const WATCHED_RUNS = `${WATCHED_PREFIX}run/`;
export const watchedRunsOf = (agent: string): string => `${WATCHED_RUNS}${encodeURIComponent(agent)}/`;
export const watchedRunName = (agent: string, number: number): string => `${watchedRunsOf(agent)}${padded(number, 10)}`;
export const WATCHED_AGENTS = `${WATCHED_PREFIX}agent/`;
export const watchedAgentName = (agent: string): string => `${WATCHED_AGENTS}${encodeURIComponent(agent)}`;
/** What it has found. */
export const FINDING_PREFIX = 'finding/';
export const findingsOf = (agent: string): string => `${FINDING_PREFIX}${encodeURIComponent(agent)}/`;
export const findingName = (agent: string, id: string): string => `${findingsOf(agent)}${id}`;

/** What workers know of a model's provider, by `provider/model`. */
export const HEALTH_PREFIX = 'health/';
const healthOf = (route: string): string =>
  `${HEALTH_PREFIX}${createHash('sha256').update(route).digest('hex').slice(0, 32)}/`;
export const healthName = (route: string): string => `${healthOf(route)}state`;
/** What each worker has measured of it. */
export const speedsOf = (route: string): string => `${healthOf(route)}speed/`;
export const speedName = (route: string, worker: string): string => `${speedsOf(route)}${encodeURIComponent(worker)}`;

/** The index of a run's conversation as it stands: each edit of its context begins another chain. */
export const CHAIN_PREFIX = 'chain/';
export const chainsOf = (workflowId: string): string => `${CHAIN_PREFIX}${encodeURIComponent(workflowId)}/`;
export const chainName = (workflowId: string): string => `${chainsOf(workflowId)}0000`;
/** The index of an earlier chain of the run, which a summary names by its last head. */
export const earlierChainName = (workflowId: string, head: string): string =>
  `${chainsOf(workflowId)}${head.slice(0, 16)}`;

/** Answers that are given again, of one tenant. */
export const cacheOfTenant = (tenant: string): string =>
  `cache/${/^[\w.-]{1,100}$/.test(tenant) ? tenant : `~${objectHash(new TextEncoder().encode(tenant))}`}/`;
export const cacheName = (tenant: string, question: string): string => `${cacheOfTenant(tenant)}${question}`;

/** What was thought of runs and their calls. */
export const SCORE_PREFIX = 'score/';
export const scoresOf = (workflowId: string): string => `${SCORE_PREFIX}${encodeURIComponent(workflowId)}/`;
/** The longest id leaves 43 bytes; these are enough that no two scores of a run have the same. */
const SCORE_DIGEST_CHARS = 22;
/** @param what the scored call, the score's name and who gave it; or the key by which it is given once */
export const scoreName = (workflowId: string, what: readonly string[]): string =>
  `${scoresOf(workflowId)}${createHash('sha256').update(JSON.stringify(what)).digest('base64url').slice(0, SCORE_DIGEST_CHARS)}`;

/** What workers have published of a queue of runs. */
export const queuesOf = (taskQueue: string): string => `queue/${encodeURIComponent(taskQueue)}/`;
export const queueSettingsName = (taskQueue: string, queue: string): string =>
  `${queuesOf(taskQueue)}${encodeURIComponent(queue)}`;
