// What a tool of MCP answered, as the output of a tool of ours.
import type { CallToolResult } from '@modelcontextprotocol/client';
import type { FileRef } from '../../workflows/contract/message';
import { ToolRejection, type ToolFiles } from '../define/tool';
import { ToolFailure } from '../define/tool-failure';

type Block = CallToolResult['content'][number];

/**
 * @returns the structured content where the tool has a schema for it; else its text, in a list with files where there are any
 * @throws ToolRejection with its words where the tool says that it failed: so it knows what has happened, and the model reads it
 */
export async function mcpOutput(
  result: CallToolResult,
  { isStructured, files }: { isStructured: boolean; files: ToolFiles },
): Promise<unknown> {
  if (result.isError) throw new ToolRejection(textOf(result.content) || 'it failed, and does not say why.');
  if (isStructured) {
    if (result.structuredContent !== undefined) return result.structuredContent;
    const message = 'the tool has a schema of what it answers, and answered without such a value.';
    throw new ToolFailure('Tool.InvalidOutput', message, { mayHaveActed: true });
  }
  const parts = await Promise.all(result.content.map((block) => partOf(block, files)));
  return parts.every((part) => typeof part === 'string') ? parts.join('\n') : parts;
}

const textOf = (content: readonly Block[]): string =>
  content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join(' ');

async function partOf(block: Block, files: ToolFiles): Promise<string | FileRef> {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'image':
    case 'audio':
      return await files.write(Buffer.from(block.data, 'base64'), { mediaType: block.mimeType });
    case 'resource_link':
      return `${block.name}: ${block.uri}`;
    case 'resource': {
      const { resource } = block;
      if ('text' in resource) return resource.text;
      const mediaType = resource.mimeType ?? 'application/octet-stream';
      return await files.write(Buffer.from(resource.blob, 'base64'), { mediaType });
    }
  }
}
