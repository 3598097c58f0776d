// The text of a failure as Temporal holds it: where keys are set it is sealed, and its place says only that it is encoded.
import { defaultPayloadConverter, type Payload, type PayloadCodec } from '@temporalio/common';
import { reasonOf } from '../infra/temporal/error-reason';

interface RawFailure {
  message?: string | null;
  encodedAttributes?: Payload | null;
}

/** Of a failure without text: empty. Of one that these keys do not open: why not. */
export async function failureText(
  codecs: readonly PayloadCodec[],
  { message, encodedAttributes }: RawFailure,
): Promise<string> {
  if (!encodedAttributes) return message ?? '';
  try {
    let payloads = [encodedAttributes];
    for (const codec of [...codecs].reverse()) payloads = await codec.decode(payloads);
    const attributes: unknown = defaultPayloadConverter.fromPayload(payloads[0] ?? {});
    const isTold = typeof attributes === 'object' && attributes !== null && 'message' in attributes;
    return isTold && typeof attributes.message === 'string' ? attributes.message : (message ?? '');
  } catch (error) {
    return reasonOf(error);
  }
}
