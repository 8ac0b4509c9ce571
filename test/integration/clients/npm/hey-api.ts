/** A client of @hey-api/openapi-ts creates, reads, lists, changes and triggers a task, and meets a problem. */

import { createClient } from './generated/hey-api/client/index.ts';
import { createTask, getTask, listTasks, patchTask, triggerTask } from './generated/hey-api/index.ts';

export async function run(baseUrl: string): Promise<string[]> {
  const client = createClient({ baseUrl, auth: 'not-asked-for' });
  const path = { id: 'by-hey-api' };
  const done: string[] = [];

  const created = await createTask({
    client,
    body: {
      ...{ id: path.id, schedule: { manual: true }, retry: { maxAttempts: 2 }, labels: { by: 'hey' } },
      target: { method: 'GET', url: `${baseUrl}/livez` },
    },
  });
  done.push(`created ${created.data?.id} at version ${created.data?.version}`);
  const read = await getTask({ client, path });
  done.push(`read a target with the method ${read.data?.target.method}`);
  const list = await listTasks({ client, query: { label: ['by:hey'], status: ['active', 'stopped'] } });
  done.push(`listed ${list.data?.items.map(({ id }) => id).join()}`);
  const patched = await patchTask({
    client,
    path,
    headers: { 'If-Match': read.response?.headers.get('etag') ?? '' },
    body: { description: 'changed', labels: null, schedule: '@daily' },
  });
  const schedule = patched.data?.schedule;
  done.push(`changed to ${schedule && 'cron' in schedule ? schedule.cron : 'another form'}`);
  const run = await triggerTask({ client, path, headers: { Prefer: 'wait=20' }, body: { triggerSource: 'client' } });
  done.push(`triggered: ${run.data?.status}, HTTP ${run.data?.result?.httpStatus}`);
  const missing = await getTask({ client, path: { id: 'nobody' } });
  const problem = missing.error;
  done.push(`problem ${problem?.status} ${problem?.code}`);
  return done;
}
