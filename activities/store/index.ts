// The content store: what activities, clients and the test kit use of this folder.
export { canonicalJson, objectHash } from './canonical-json';
export { createConversation } from './conversation';
export type { ChainEntry, Conversation } from './conversation';
export { createMemoryStore } from './memory-store';
export { decodeMessage, encodeMessage, previewOf } from './message-codec';
export { openStore } from './open-store';
export type { ContentStore, Ref } from './port';
export { directToolStore } from './tool-store';
export type { ToolStore } from './tool-store';
