// One call of a run as pages ask the API for it.
import type { z } from 'zod';
import { callShape } from '../api/routes/calls';
import { callRecordSchema, type CallRecord } from '../../workflows/contract/schemas/call-record';
import type { PageRequest } from './place';

export interface AskedCall extends Omit<z.output<typeof callShape>, 'record'> {
  record: CallRecord;
}

/** @param since number of the model call that it is compared with @throws Problem `Run.NotFound`, `Api.NotFound`, `Api.Busy` */
export async function askedCall({ ask, params }: PageRequest, number: string, since?: string): Promise<AskedCall> {
  const found = await ask.get(
    callShape,
    '/v1/runs/{id}/calls/{call}',
    { id: params['id'], call: number },
    { diff: since },
  );
  return { ...found, record: callRecordSchema.parse(found.record) };
}
