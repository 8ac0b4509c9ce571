/** A client of openapi-typescript's types creates, reads, lists, changes and triggers a task, and meets a problem. */

import createClient from 'openapi-fetch';
import type { components, paths } from './generated/openapi-typescript/api.ts';

export async function run(baseUrl: string): Promise<string[]> {
  const client = createClient<paths>({ baseUrl, headers: { authorization: 'Bearer not-asked-for' } });
  const target: components['schemas']['HttpTargetInput'] = { method: 'GET', url: `${baseUrl}/livez` };
  const params = { path: { id: 'by-openapi-fetch' } };
  const done: string[] = [];

  const created = await client.POST('/tasks', {
    body: {
      id: params.path.id,
      schedule: { manual: true },
      target,
      retry: { maxAttempts: 2 },
      labels: { by: 'fetch' },
    },
  });
  done.push(`created ${created.data?.id} at version ${created.data?.version}`);
  const read = await client.GET('/tasks/{id}', { params });
  done.push(`read a target with the method ${read.data?.target.method}`);
  const list = await client.GET('/tasks', {
    params: { query: { label: ['by:fetch'], status: ['active', 'stopped'] } },
  });
  done.push(`listed ${list.data?.items.map(({ id }) => id).join()}`);
  const patched = await client.PATCH('/tasks/{id}', {
    params: { ...params, header: { 'If-Match': read.response.headers.get('etag') ?? '' } },
    body: { description: 'changed', labels: null, schedule: '@daily' },
  });
  const schedule = patched.data?.schedule;
  done.push(`changed to ${schedule && 'cron' in schedule ? schedule.cron : 'another form'}`);
  const run = await client.POST('/tasks/{id}/trigger', {
    params: { ...params, header: { Prefer: 'wait=20' } },
    body: { triggerSource: 'client' },
  });
  done.push(`triggered: ${run.data?.status}, HTTP ${run.data?.result?.httpStatus}`);
  const missing = await client.GET('/tasks/{id}', { params: { path: { id: 'nobody' } } });
  done.push(`problem ${missing.error?.status} ${missing.error?.code}`);
  return done;
}
