// The content store: what activities, clients and the test kit use of this folder. Not open-store: it loads a native database, and
// most of those who read this index need none.
export { allRefs } from './all-refs';
export { brokerToolStore, connectStoreBroker } from './broker-client';
export type { BrokerToolStore } from './broker-client';
export { canonicalJson, objectHash } from './canonical-json';
export { createConversation } from './conversation';
export type { Conversation } from './conversation';
export { fileRefOf, putFile, readFile } from './files';
export { createMemoryStore } from './memory-store';
export { decodeMessage, decodeNode, encodeMessage, encodeNode } from './message-codec';
export type { ContentStore, RefWrite } from './port';
export { previewOf } from './preview';
export { directToolStore } from './tool-store';
export type { ToolStore } from './tool-store';
