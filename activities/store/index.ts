// The content store: what activities, clients and the test kit use of this folder.
export { allRefs } from './all-refs';
export { connectStoreBroker } from './broker-client';
export type { BrokerToolStore } from './broker-client';
export { canonicalJson, objectHash } from './canonical-json';
export { createConversation } from './conversation';
export type { Conversation } from './conversation';
export { fileRefOf, putFile, readFile } from './files';
export { createMemoryStore } from './memory-store';
export { decodeMessage, decodeNode, encodeMessage, encodeNode } from './message-codec';
export { openStore } from './open-store';
export type { ContentStore, RefWrite } from './port';
export { previewOf } from './preview';
export { directToolStore } from './tool-store';
export type { ToolStore } from './tool-store';
