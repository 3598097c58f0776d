// Needs a port on loopback. What the fetch of model calls does with answers that no model server should give.
import { createServer, type Server } from 'node:http';
import { createOpenAiProvider } from '../../../activities/model/openai-provider';

let server: Server;
let url = '';
beforeAll(async () => {
  server = createServer((request, response) => {
    response.writeHead(Number(request.headers['x-answer'])).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}/v1` : '';
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

test.each([204, 205, 304, 700])(
  'a status %d is a failure of the call and not the end of the process',
  async (status) => {
    const provider = createOpenAiProvider({
      name: 'odd',
      api: 'chat',
      baseUrl: url,
      headers: { 'x-answer': String(status) },
    });
    const asked = provider.generate(
      {
        model: 'm',
        instructions: '',
        messages: [],
        tools: [],
        parameters: {},
        rawItems: new Map(),
        loadFile: () => Promise.resolve(new Uint8Array()),
      },
      { signal: new AbortController().signal },
    );
    await expect(asked).rejects.toMatchObject({ type: expect.stringMatching(/^Model\./) });
  },
);
