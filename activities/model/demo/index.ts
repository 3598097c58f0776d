export { createDemoProvider } from './demo-provider';
