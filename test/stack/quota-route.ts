// What quota-worker.ts and whoever starts it both name.
export const QUOTA_ROUTE = 'test/model';
export const QUOTA_TASK_QUEUE = 'agents';
/** Where the key would come from. */
export const QUOTA_KEY = 'TEST_API_KEY';
