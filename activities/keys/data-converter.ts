// How clients and workers exchange payloads with Temporal. Both sides take it from here, or one could not read the other.
import type { DataConverter } from '@temporalio/common';
import type { KeyRing } from './key-ring';
import { createKeylessCodec, createPayloadCodec, type PayloadCodecOptions } from './payload-codec';

/**
 * For the `dataConverter` of a Temporal client and of a worker. Texts of failures are encoded with keys alone: without a codec they
 * would be as readable as before, and only Temporal's own Web UI and command line would no longer show them.
 */
export function dataConverterFor(keys: KeyRing | undefined, options: PayloadCodecOptions = {}): DataConverter {
  if (!keys) return { payloadCodecs: [createKeylessCodec()] };
  return {
    payloadCodecs: [createPayloadCodec(keys, options)],
    failureConverterPath: require.resolve('./failure-converter'),
  };
}
