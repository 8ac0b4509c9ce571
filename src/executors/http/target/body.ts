/** How the body of a target becomes bytes: `bodyType`, and its demands on the body and the content type. */

import { ExactNumber } from '../../../domain/input/exact-json.ts';
import { isRecord, pointerPart, type Refuse } from '../../../domain/input/field.ts';
import { exactBody } from './stored-body.ts';

export const bodyTypes = ['json', 'text', 'form', 'base64'] as const;
export type BodyType = (typeof bodyTypes)[number];

/** The `content-type` where the task names none. */
const contentTypes: Record<BodyType, string> = {
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
  form: 'application/x-www-form-urlencoded',
  base64: 'application/octet-stream',
};

type Body = { body?: unknown; bodyText?: string; bodyType?: BodyType | undefined; headers: Record<string, string> };

/** The content type of a target's own body, where its headers name none. */
export function defaultContentType({ bodyType }: Pick<Body, 'bodyType'>): string {
  return contentTypes[bodyType ?? 'json'];
}

/** The bytes of a target's own body; null when it has none. */
export function encodeBody(target: Body): Buffer | null {
  const { body } = target;
  if (body === undefined) return null;
  switch (typeOf(target)) {
    case 'text':
      return Buffer.from(String(body));
    case 'base64':
      return Buffer.from(String(body), 'base64');
    case 'form':
      return Buffer.from(encodeForm(exactBody(target) as Record<string, unknown>));
    default:
      return Buffer.from(target.bodyText ?? JSON.stringify(body));
  }
}

/** JSON text as it is sent; `isJson` where that is JSON, which must not go under another content type. */
type Described = { bytes: Buffer; isJson: boolean };

/** How JSON text is sent under the content type of the headers; null where it goes as it is. */
export function describesIn(headers: Record<string, string>): ((json: string) => Described) | null {
  const contentType = headers['content-type'];
  if (contentType === undefined || mayHoldJson(contentType)) return null;
  return (json) => {
    const given = { body: JSON.parse(json) as unknown, bodyText: json, headers };
    const isJson = typeof given.body === 'object' && typeOf(given) === 'json';
    return { bytes: encodeBody(given) as Buffer, isJson };
  };
}

/**
 * Refuses a body that cannot be sent as `bodyType` or, without it, the content type says. Texts with
 * templates in them are looked at once they are filled in.
 */
export function checkBody(target: Body, isTemplate: boolean, refuse: Refuse): void {
  const { body, bodyType, headers } = target;
  const contentType = headers['content-type'];
  const isKnown = contentType !== undefined && !(isTemplate && contentType.includes('{{'));
  if (bodyType === undefined) {
    if (typeof body !== 'object' || body === null || body instanceof ExactNumber || !isKnown) return;
    if (isForm(contentType)) checkForm(body, refuse);
    else if (!mayHoldJson(contentType))
      refuse(
        '/body',
        `must be a string for the content type ${mediaTypeOf(contentType)}, which is neither JSON nor a form`,
      );
    return;
  }
  if (isKnown && contradicts(bodyType, contentType))
    refuse('/headers/content-type', `says something else than bodyType "${bodyType}"; leave one of them out`);
  if (body === undefined) {
    if (bodyType !== 'json') refuse('/body', `must be given for bodyType "${bodyType}"`);
  } else if (bodyType === 'form') checkForm(body, refuse);
  else if (bodyType !== 'json' && typeof body !== 'string')
    refuse('/body', `must be a string for bodyType "${bodyType}"`);
  else if (bodyType === 'base64' && !(isTemplate && String(body).includes('{{'))) {
    const detail = faultInEncoded(target);
    if (detail !== null) refuse('/body', detail);
  }
}

/** The fault of a body whose templates are filled in, or null. */
export function faultInEncoded({ body, bodyType }: Pick<Body, 'body' | 'bodyType'>): string | null {
  if (bodyType !== 'base64' || body === undefined) return null;
  const text = String(body);
  // Decoding forgives unknown characters and surplus bits, so the text must be the one that encoding would give.
  const isCanonical = Buffer.from(text, 'base64').toString('base64') === text;
  return isCanonical ? null : 'must be base64 with its padding (RFC 4648 §4), without blanks and line ends';
}

function typeOf({ body, bodyType, headers }: Body): BodyType {
  if (bodyType !== undefined) return bodyType;
  const contentType = headers['content-type'] ?? contentTypes.json;
  if (typeof body === 'string') return isJson(contentType) ? 'json' : 'text';
  return typeof body === 'object' && body !== null && !Array.isArray(body) && isForm(contentType) ? 'form' : 'json';
}

function contradicts(bodyType: BodyType, contentType: string): boolean {
  switch (bodyType) {
    case 'json':
      return !mayHoldJson(contentType);
    case 'form':
      return !isForm(contentType);
    case 'text': {
      const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType)?.[1]?.toLowerCase();
      return charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii';
    }
    default:
      return false;
  }
}

function checkForm(body: unknown, refuse: Refuse): void {
  if (!isRecord(body)) {
    refuse('/body', 'must be an object of names and values for a form');
    return;
  }
  for (const [name, value] of Object.entries(body)) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (values.some((one) => typeof one === 'object' && one !== null && !(one instanceof ExactNumber)))
      refuse(`/body/${pointerPart(name)}`, 'must be a string, number, boolean, null or an array of them for a form');
  }
}

/**
 * As browsers do it (WHATWG URL, "application/x-www-form-urlencoded serializing"); an array gives its name again for
 * each value.
 */
function encodeForm(body: Record<string, unknown>): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body))
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, one === null ? '' : asText(one));
  return form.toString();
}

/** A stored task or a template may be nested all the same. */
function asText(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function isForm(contentType: string): boolean {
  return mediaTypeOf(contentType) === contentTypes.form;
}

/** Whether a string under this content type is meant as a JSON string. */
function isJson(contentType: string): boolean {
  const mediaType = mediaTypeOf(contentType);
  return mediaType.endsWith('/json') || mediaType.endsWith('+json');
}

/** Whether an object under this content type is meant as JSON text: also `application/x-amz-json-1.1` and the like. */
function mayHoldJson(contentType: string): boolean {
  return mediaTypeOf(contentType).includes('json');
}

function mediaTypeOf(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}
