export { createDemoProvider, DEMO_MODEL } from './demo-provider';
export type { DemoOptions } from './demo-provider';
