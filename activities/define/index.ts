// The public API of an agent's author: `import { defineAgent } from 'longhaul'`. Definitions are data plus the tools' code; nothing here does I/O.
export { defineAgent, isAgent } from './agent';
export type { Agent, AgentDefinition, AgentInput, AgentOutput, AnyAgent } from './agent';
export type { CompactOptions, ContextOptions, PruneOptions, Trigger } from './context';
export { defineTool, isTool, ToolRejection } from './tool';
export type { AnyTool, Tool, ToolContext, ToolDefinition } from './tool';
export { httpTool } from './http-tool';
export type { HttpContext, HttpToolDefinition } from './http-tool';
export { defineToolbox } from './toolbox';
export type { Toolbox } from './toolbox';
export { defineConfig } from './config';
export type { Config } from './config';
export { fromFile } from './from-file';
export type { FromFile } from './from-file';
export { fileRef } from './file-ref';
export type { Duration } from './duration';
export type { FileRef } from '../../workflows/contract/message';
export type { Effect, Outcome } from '../../workflows/contract/run';
