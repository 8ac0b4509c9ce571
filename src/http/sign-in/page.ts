/** Problems of sign-in as pages, because it is a person in a browser who meets them. */

import type { Problem } from '../problems.ts';

/** Whether the client would rather read a page than JSON, by its `Accept` header. */
export function wantsPage(accept: string | undefined): boolean {
  const types = (accept ?? '').split(',').map((range) => range.split(';', 1)[0]?.trim().toLowerCase());
  const page = types.indexOf('text/html');
  const json = types.findIndex((type) => type === 'application/json' || type === 'application/problem+json');
  return page >= 0 && (json < 0 || page < json);
}

/** A page without scripts and styles. `again` is the path of a further sign-in. */
export function pageOf({ title, detail, status, requestId }: Problem, again: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title></head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(detail)}</p>
<p><a href="${escaped(again)}">Sign in again</a></p>
<p><small>${status}, request ${escaped(requestId)}</small></p>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
