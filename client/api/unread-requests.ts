// What never becomes a request: too many headers, no HTTP at all, headers or a body that do not come. Node alone answers these with a status
// and no word; here they are problems as all others are.
import { STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Problem, problemResponse } from './problem';

/** What has no path of its own. */
export const NO_PATH = '/';

export function answerUnread(server: Server): void {
  const answering = new WeakMap<Socket, ServerResponse>();
  server.on('request', ({ socket }, response) => {
    answering.set(socket, response);
    response.once('close', () => answering.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // In the middle of another answer it would be taken for a part of that.
    if (!socket.writable || answering.get(socket)?.headersSent) return void socket.destroy();
    void said(problemOfUnread(error.code)).then((text) => socket.end(text, () => socket.destroy()));
  });
  // Whoever expects what nobody knows is answered as ever: RFC 9110 leaves that to the server.
  server.on('checkExpectation', (request, response) => void server.emit('request', request, response));
}

function problemOfUnread(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('Api.HeadersTooLarge', 'the headers are too large: all of them have at most 16 KB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('Api.TooSlow', 'the request did not come to its end in time: send it in one go.');
    default:
      return new Problem('Api.InvalidRequest', 'it is no request of HTTP/1.1.');
  }
}

async function said(problem: Problem): Promise<string> {
  const response = problemResponse(problem, NO_PATH);
  const body = await response.text();
  const headers = [...response.headers, ['content-length', Buffer.byteLength(body)], ['connection', 'close']];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n${lines}\r\n${body}`;
}
