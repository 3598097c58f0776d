// The test kit, as users import it: `import { script, testAgent } from 'longhaul/testing'`. It loads no Temporal worker.
export { testAgent } from './test-agent';
export type {
  ModelCall,
  TestAgent,
  TestAgentOptions,
  TestCall,
  TestStartOptions,
  TestToolContext,
  ToolCall,
  ToolOverride,
  ToolOverrides,
} from './test-agent';
export type { RunControls, TestResult, TestRun, TestWait } from './test-run';
export type { TestApproval, TestDecision } from './test-people';
export type { ModelFunction, ModelTrouble } from './scripted-provider';
export { TestSetupError } from './test-setup-error';
export * from './model-server';
export { createMemoryStore } from '../../activities/store/memory-store';
