/** The typed client of the API. Every answer that is no success is thrown as a `Problem`. */

import createClient, { type Middleware } from 'openapi-fetch';
import { apiPath } from './base.ts';
import type { components, paths } from './contract.ts';

export type Schemas = components['schemas'];
export type Task = Schemas['Task'];
export type Run = Schemas['Run'];

/** A refusal of the API, or an answer that did not come. `status` is 0 where nothing came. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** The fields that are at fault, each by its pointer. */
  readonly errors: readonly { pointer: string; detail: string }[];
  /** The members of the answer. */
  readonly body: Record<string, unknown>;

  constructor(status: number, body: Record<string, unknown>) {
    super(String(body.detail ?? body.title ?? 'The service cannot be reached.'));
    this.status = status;
    this.code = String(body.code ?? '');
    this.errors = (body.errors as Problem['errors']) ?? [];
    this.body = body;
  }
}

const throwProblems: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return;
    const body = await response.json().catch(() => ({ detail: `The service answered ${response.status}.` }));
    throw new Problem(response.status, body as Record<string, unknown>);
  },
  onError() {
    return new Problem(0, { detail: 'The service cannot be reached. It is tried again by itself.' });
  },
};

export type Client = ReturnType<typeof createClient<paths>>;

/** The path of a call in a namespace; null for the caller's own. */
export function apiBase(namespace: string | null): string {
  return namespace === null ? apiPath : `${apiPath}/ns/${encodeURIComponent(namespace)}`;
}

const clients = (() => {
  const made = new Map<string, Client>();
  return (base: string): Client => {
    const client = made.get(base) ?? createClient<paths>({ baseUrl: base || window.location.origin });
    if (!made.has(base)) client.use(throwProblems);
    made.set(base, client);
    return client;
  };
})();

/** The client of a namespace; null for the caller's own. */
export function clientOf(namespace: string | null): Client {
  return clients(apiBase(namespace));
}

/** The client for what belongs to no namespace. */
export function clusterClient(): Client {
  return clients(apiPath);
}

/** The body of an answer, which is a success: all else was thrown. */
export async function bodyOf<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}
