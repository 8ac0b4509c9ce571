/** What an error of the library of OpenID Connect means: the issuer is away, or what came from it is refused. */

import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';

/**
 * `away`: the issuer does not answer as it should, which may pass or is to be repaired. `refused`: the sign-in is not
 * to be believed, or the issuer does not accept it. `detail` is for the person, `reason` for the log: it holds no
 * token and no secret.
 */
export type IssuerFault = { kind: 'away' | 'refused'; detail: string; reason: string };

/** Errors of a refresh that tell that the issuer ends the person's sign-in. */
const endings = new Set([
  'invalid_grant',
  'login_required',
  'interaction_required',
  'consent_required',
  'access_denied',
]);

/** Codes of the library for answers that are no answers of an issuer. */
const brokenAnswers = new Set([
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_HTTP_REQUEST_FORBIDDEN',
  'OAUTH_REQUEST_PROTOCOL_FORBIDDEN',
  'OAUTH_MISSING_SERVER_METADATA',
  'OAUTH_INVALID_SERVER_METADATA',
]);

export function faultOf(error: unknown): IssuerFault {
  const reason = reasonOf(error);
  if (error instanceof AuthorizationResponseError) {
    const code = plainCode(error.error);
    return code === 'server_error' || code === 'temporarily_unavailable'
      ? { kind: 'away', detail: 'the issuer cannot sign anybody in right now', reason }
      : { kind: 'refused', detail: `the issuer refused the sign-in: ${code}`, reason };
  }
  if (error instanceof ResponseBodyError && endings.has(error.error))
    return { kind: 'refused', detail: `the issuer does not accept this sign-in: ${error.error}`, reason };
  return isAboutTokens(error)
    ? { kind: 'refused', detail: 'what the issuer answered is not accepted', reason }
    : { kind: 'away', detail: 'the issuer does not answer as it should', reason };
}

/** Whether the issuer does not know this client by the way in which it shows its secret. */
export function isWrongClient(error: unknown): boolean {
  if (error instanceof WWWAuthenticateChallengeError) return error.status === 401;
  return error instanceof ResponseBodyError && error.error === 'invalid_client';
}

/** Whether the library has refused what an answer says, rather than the form of the answer. */
function isAboutTokens(error: unknown): boolean {
  if (!(error instanceof ClientError) || error.code === undefined || brokenAnswers.has(error.code)) return false;
  // It calls a token response without its members invalid, as it does a token with wrong ones.
  const { cause } = error;
  return !(cause instanceof Error && cause.message.startsWith('"response" body'));
}

/** The messages of an error and its causes. Bodies, which the library keeps with its errors, hold tokens. */
function reasonOf(error: unknown): string {
  const messages: string[] = [];
  for (let each = error; each instanceof Error && messages.length < 5; each = each.cause) {
    const code = each instanceof ResponseBodyError ? ` (${each.status} ${plainCode(each.error)})` : '';
    messages.push(`${each.message}${code}`);
  }
  return messages.join(': ').slice(0, 500);
}

function plainCode(code: string): string {
  return /^[a-z_]{1,40}$/.test(code) ? code : 'an unknown error';
}
