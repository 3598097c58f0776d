// What a command loads once it talks to Temporal: half a second that those which only read the store need not spend.
export { openTextReader } from '../../activities/stream/open-streams';
export { connectTemporal } from '../../infra/temporal/connect';
export { createAgentClient } from '../agent-client';
export { temporalClient } from '../connect';
