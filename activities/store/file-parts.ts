// Files inside JSON values: a reference in an input or an output reaches the model as a part that it can see.
import type { FileRef, InputPart, JsonValue } from '../../workflows/contract/message';
import { fileRefSchema } from '../../workflows/contract/schemas/message';

/** In the order they stand in the value. */
export function filesIn(value: JsonValue): FileRef[] {
  if (value === null || typeof value !== 'object') return [];
  const file = Array.isArray(value) ? undefined : fileRefSchema.strict().safeParse(value);
  if (file?.success) return [file.data];
  return (Array.isArray(value) ? value : Object.values(value)).flatMap(filesIn);
}

export const filePart = (file: FileRef): InputPart => ({
  type: file.mediaType.startsWith('image/') ? 'image' : 'file',
  file,
});
