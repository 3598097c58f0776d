import type { z } from 'zod';
import type { FileRef } from '../../workflows/contract/message';
import { FILE_REF_FORMAT, fileRefSchema } from '../../workflows/contract/schemas/message';

/**
 * A file in an agent's input, a tool's arguments or its output. Its bytes live in the store; the value is a reference,
 * and a tool reads it with `files.read`. In an input it reaches the model as an image or file part.
 */
export const fileRef = (): z.ZodType<FileRef, FileRef> => fileRefSchema.meta({ format: FILE_REF_FORMAT });
