/** Answers to input that is not a request: the bytes for the connection, which is then closed. */

import { STATUS_CODES } from 'node:http';
import { ProblemError, problemOf, problemTable } from '../problems.ts';

/** A head that is too long gets the status for a long request line where that line is longer than this. */
const longLineBytes = 8 * 1024;

/** The problem that an error of Node's parser is for the client. */
export function problemOfParser(error: Error): ProblemError {
  const { code, rawPacket } = error as { code?: string; rawPacket?: Buffer };
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': {
      const lineEnd = rawPacket?.indexOf('\n') ?? 0;
      return lineEnd === -1 || lineEnd > longLineBytes
        ? new ProblemError('uri_too_long', 'the URL is longer than 8 KiB')
        : new ProblemError('headers_too_large', 'the headers are larger than 16 KiB together');
    }
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ProblemError('too_large', 'the extensions of a chunk are too long');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProblemError('request_timeout', 'the request was not whole in time');
    case 'HPE_INVALID_METHOD':
      return new ProblemError('malformed', 'the method is none that HTTP knows');
    default:
      return new ProblemError('malformed', 'this is no HTTP/1.1 request that can be read');
  }
}

/** The whole answer, status line and all. */
export function rawAnswer(problem: ProblemError, requestId: string): Buffer {
  const { status } = problemTable[problem.code];
  const body = JSON.stringify(problemOf(problem, { url: '/', id: requestId }));
  const headers = {
    ...problem.headers,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}
