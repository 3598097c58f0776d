export { startModelServer, type ModelServer, type ModelServerOptions } from './model-server';
export { startModelServerProcess, type ModelServerProcess } from './model-server-process';
export type { Control, JsonFault } from './control';
export type { ProcessOptions } from './main';
export { respondFromScript, type Respond, type ScriptOrder } from './responder';
export { loadRecordings, playback, type PlaybackOptions, type Recording } from './playback';
export { WireError } from './wire-error';
export type { Fault, FaultAction, FaultCondition } from './faults';
export type { Counts, RequestOutcome, RequestRecord } from './ledger';
export type { Api, ModelRequest, RequestedCall, RequestMessage } from './model-request';
export type { RateLimitOptions } from './rate-limit';
export type { TokenUsage } from './token-usage';
export {
  argumentsText,
  script,
  Script,
  ScriptExhaustedError,
  type ScriptCall,
  type ScriptRaw,
  type ScriptReasoning,
  type ScriptRole,
  type ScriptTool,
  type ScriptTurn,
  type ScriptUsage,
  type TurnExtras,
} from '../script';
