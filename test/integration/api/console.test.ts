import { beforeAll, describe, expect, test } from 'vitest';
import { type Api, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

describe('the root', () => {
  test('leads who accepts HTML to the console', async () => {
    const { headers } = await api.http.get('/').set('accept', 'text/html,application/xhtml+xml;q=0.9').expect(302);
    expect(headers.location).toBe('/console/');
  });

  test.each(['application/json', '*/*'])('tells others what this is: %s', async (accept) => {
    const { body } = await api.http.get('/').set('accept', accept).expect(200);
    expect(body).toEqual({
      ...{ name: 'punctual', version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      links: { console: '/console/', docs: '/docs', contract: '/openapi.json', health: '/healthz' },
    });
  });
});

describe('the console', () => {
  test.each([
    '/console/',
    '/console/tasks',
    '/console/tasks/nightly.report',
    '/console/runs/x',
    '/console/timeline?range=week',
  ])('%s is its page, which is asked for again each time', async (path) => {
    const { headers, text } = await api.http.get(path).expect(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-cache');
    expect(headers['content-security-policy']).toBe(policy);
    expect(text).not.toMatch(/<script>|style=/);
  });

  test('its files never change, and are compressed', async () => {
    const { text } = await api.http.get('/console/').expect(200);
    const [, script = ''] = /src="([^"]+\.js)"/.exec(text) ?? [];
    const { headers } = await api.http.get(script).set('accept-encoding', 'br').expect(200);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['content-encoding']).toBe('br');
    expect(headers['content-security-policy']).toBe(policy);
  });

  test.each(['/console/nothing.js', '/console/assets/nothing.js', '/console/favicon.ico'])(
    '%s, which is no file, is not found',
    async (path) => {
      const { body } = await api.http.get(path).expect(404);
      expect(body.code).toBe('not_found');
    },
  );

  test('/console without a slash leads to the page', async () => {
    const { headers } = await api.http.get('/console').expect(302);
    expect(headers.location).toBe('/console/');
  });

  test('tells how to sign in', async () => {
    expect((await api.http.get('/console/config').expect(200)).body).toMatchObject({ basePath: '', signIn: [] });
    const closed = await startApi({ API_KEYS: `boss:owner:${'a'.repeat(64)}`, BASE_PATH: '/punctual' });
    const { body } = await closed.http.get('/punctual/console/config').expect(200);
    expect(body).toMatchObject({ basePath: '/punctual', signIn: ['key'] });
    const { text } = await closed.http.get('/punctual/console/tasks/x').expect(200);
    const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      expect(link).toMatch(/^\/punctual\/console\/assets\//);
      await closed.http.get(link).expect(200);
    }
    await closed.http.get('/console/').expect(401);
    const { headers } = await closed.http.get('/punctual').set('accept', 'text/html').expect(302);
    expect(headers.location).toBe('/punctual/console/');
  });
});

test('the first page needs at most 200 kB', async () => {
  const { text } = await api.http.get('/console/').expect(200);
  const links = [...text.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map(([, link = '']) => link);
  let bytes = 0;
  for (const link of links) {
    const { headers } = await api.http.get(link).set('accept-encoding', 'gzip').expect(200);
    bytes += Number(headers['content-length']);
  }
  expect(links.length).toBeGreaterThan(1);
  // The page Now is loaded after them, and is a few kilobytes.
  expect(bytes).toBeLessThan(180_000);
});
