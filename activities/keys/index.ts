// Keys, and what of Temporal is sealed with them: what workers, clients and the command line use of this folder.
export { dataConverterFor } from './data-converter';
export { openKeyRing } from './key-ring';
export type { KeyRing } from './key-ring';
export { createPayloadCodec } from './payload-codec';
