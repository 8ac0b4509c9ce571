import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { problemTable } from '../../../src/http/problems.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let contract: Body;
beforeAll(async () => {
  api = await startApi();
  contract = (await api.http.get('/openapi.json').expect(200)).body;
});

describe('the contract', () => {
  test('in the repository is what the service serves (npm run openapi writes it)', async () => {
    const text = stringify(contract, { lineWidth: 120, aliasDuplicateObjects: false });
    await expect(`# Written by \`npm run openapi\` from the route schemas.\n${text}`).toMatchFileSnapshot(
      '../../../openapi.yaml',
    );
    expect(parse(text)).toEqual(contract);
  });

  test('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(contract));
    expect(result.errors ?? []).toEqual([]);
    expect(contract.openapi).toBe('3.1.0');
  });

  test('is shown at /docs', async () => {
    const page = await api.http.get('/docs/').expect(200);
    expect(page.text).toContain('swagger');
  });
});

describe('every answer has the shape that the contract gives it', () => {
  function check(path: string, method: string, status: number, body: unknown): void {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    for (const [name, schema] of Object.entries(contract.components.schemas))
      ajv.addSchema(schema as object, `#/components/schemas/${name}`);
    const answer = contract.paths[path][method].responses[status];
    const media = Object.keys(answer.content)[0] as string;
    const validate = ajv.compile(answer.content[media].schema);
    expect(validate(body) ? [] : validate.errors).toEqual([]);
  }

  test('for tasks, runs, events, schedules and the cluster', async () => {
    const task = await api.createManual('shaped', { labels: { a: 'b' } });
    check('/tasks', 'post', 201, task);
    check('/tasks', 'get', 200, (await api.http.get('/tasks')).body);
    check('/tasks/{id}', 'get', 200, (await api.http.get('/tasks/shaped')).body);
    const { body: run } = await api.http.post('/tasks/shaped/trigger').set('prefer', 'wait=10').expect(202);
    check('/tasks/{id}/trigger', 'post', 202, run);
    check('/runs/{id}', 'get', 200, (await api.http.get(`/runs/${run.id}`)).body);
    check('/runs', 'get', 200, (await api.http.get('/runs')).body);
    check('/tasks/{id}/events', 'get', 200, (await api.http.get('/tasks/shaped/events')).body);
    check('/tasks/{id}/next', 'get', 200, (await api.http.get('/tasks/shaped/next')).body);
    check('/cluster', 'get', 200, (await api.http.get('/cluster')).body);
    check(
      '/schedules/preview',
      'post',
      200,
      (await api.http.post('/schedules/preview').send({ schedule: '@daily' })).body,
    );
    const batch = await api.http
      .post('/tasks/batch')
      .send({ items: [{}, { schedule: '@daily', target: 'http://127.0.0.1:9/' }] });
    check('/tasks/batch', 'post', 200, batch.body);
  });
});

describe('problems', () => {
  test('are documents with a code, an instance and the request id', async () => {
    const answer = await api.http.get('/tasks/nobody?x').set('x-request-id', 'abc').expect(404);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.headers['x-request-id']).toBe('abc');
    expect(answer.body).toEqual({
      type: 'urn:punctual:problem:not_found',
      title: problemTable.not_found.title,
      status: 404,
      detail: 'task "nobody" does not exist',
      instance: '/tasks/nobody',
      code: 'not_found',
      requestId: 'abc',
    });
  });

  test.each([
    ['no JSON', 'application/json', '{', 400],
    ['a member called __proto__', 'application/json', '{"__proto__": {"a": 1}}', 400],
    ['a constructor with a prototype', 'application/json', '{"constructor": {"prototype": {}}}', 400],
    ['another media type', 'text/plain', 'x', 415],
    ['too much', 'application/json', JSON.stringify({ description: 'x'.repeat(300_000) }), 413],
    ['a list', 'application/json', '[]', 400],
    ['null', 'application/json', 'null', 400],
    ['nothing', 'application/json', '', 400],
  ])('a body that is %s is refused', async (_name, type, body, code) => {
    const answer = await api.http.post('/tasks').set('content-type', type).send(body);
    expect(answer.status).toBe(code);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({ status: code, requestId: expect.any(String) });
    expect(answer.text).not.toMatch(/node_modules|at [A-Z]\w+\./);
  });

  test.each(['QUERY', 'DELETE', 'POST'])('a method that a path does not have is a 405: %s', async (method) => {
    const answer = await fetch(`${api.url}/livez`, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });

  test('a path that is no route is a 404, a URL that cannot be read a problem', async () => {
    expect((await api.http.get('/nowhere').expect(404)).body.code).toBe('not_found');
    const broken = await api.http.get('/tasks/%zz');
    expect(broken.status).toBeGreaterThanOrEqual(400);
    expect(broken.status).toBeLessThan(500);
    expect(broken.headers['content-type']).toMatch(/^application\/problem\+json/);
  });
});
