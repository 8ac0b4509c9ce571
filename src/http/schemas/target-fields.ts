/** The shapes of what a target may have beyond URL, method, headers and body, as JSON Schema. */

import { bodyTypes } from '../../domain/target/body.ts';
import { longestProxy } from '../../domain/target/proxy.ts';
import { longestContained, longestPattern, longestPointer } from '../../domain/target/success.ts';
import { redirects } from '../../domain/target/target.ts';
import { longestPem } from '../../domain/target/tls.ts';
import { closedFields } from './parts.ts';

const pem = (description: string) => ({ type: 'string', maxLength: longestPem, description });

/** What of these a client may send, and is shown. */
export const targetFields = {
  success: closedFields(
    {
      bodyContains: { type: 'string', maxLength: longestContained },
      bodyMatches: { type: 'string', maxLength: longestPattern, description: 'A pattern in the syntax of RE2.' },
      json: {
        type: 'object',
        properties: {
          pointer: { type: 'string', maxLength: longestPointer, description: 'RFC 6901.', examples: ['/success'] },
          equals: { description: 'Any JSON value, compared as a whole.' },
        },
        additionalProperties: false,
      },
    },
    {
      description:
        'What the first MiB of the body must be like, besides the status: exactly one rule. Without it the run is a failure (`rejected`).',
    },
  ),
  redirect: {
    enum: [...redirects],
    description:
      '"follow": at most five redirects. 301, 302 and 303 make a GET, 307 and 308 keep method and body; credentials stay behind at another origin. "none" when absent.',
  },
  bodyType: {
    enum: [...bodyTypes],
    description:
      'How `body` is sent: as JSON, as the text it is, as a form (an object), or as the bytes that base64 stands for. When absent the content type decides, JSON where it says nothing.',
  },
  proxy: {
    type: 'string',
    minLength: 1,
    maxLength: longestProxy,
    description: 'URL of the proxy to call through; "none" for none, whatever TARGET_PROXY says.',
    examples: ['http://proxy.internal:3128'],
  },
  tls: closedFields(
    {
      ca: pem('Certificates to trust instead of the usual ones, as PEM.'),
      cert: pem("The client's certificate, and those that vouch for it, as PEM."),
      key: pem('The private key of `cert`, as PEM, not encrypted.'),
      insecure: { type: 'boolean', description: "Take the target's certificate whatever it is." },
    },
    { description: 'For https URLs.' },
  ),
};
