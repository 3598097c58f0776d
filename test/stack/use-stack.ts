// A stack and its model server for all tests of a file, up before the first and down after the last.
import { startModelServer, type ModelServer, type ModelServerOptions } from '../kit/model-server';
import { startTestStack, type TestStack, type TestStackOptions } from './test-stack';

/** A cold start of the server, beside whatever else the machine does. */
const START_MS = 60_000;

/** Both are there while tests run. */
export interface UsedStack {
  readonly model: ModelServer;
  readonly stack: TestStack;
}

export function useStack(said: ModelServerOptions, options: Omit<TestStackOptions, 'modelUrl'>): UsedStack {
  let used: { model: ModelServer; stack: TestStack } | undefined;
  beforeAll(async () => {
    const model = await startModelServer(said);
    used = { model, stack: await startTestStack({ ...options, modelUrl: model.url }) };
  }, START_MS);
  afterAll(async () => {
    await used?.stack.close();
    await used?.model.close();
  });
  const there = (): UsedStack => {
    if (!used) throw new Error('the stack is not up: use it in a test.');
    return used;
  };
  return {
    get model() {
      return there().model;
    },
    get stack() {
      return there().stack;
    },
  };
}
