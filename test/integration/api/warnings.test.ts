import { beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const target = 'http://127.0.0.1:9/';
const codes = (body: Body) => body.warnings.map(({ code }: { code: string }) => code);

describe('warnings', () => {
  test('are in the answers of create, replace, patch, batch and preview, and in no other', async () => {
    const schedule = { cron: '0 22-6 * * *', timezone: 'UTC' };
    const created = await api.http.post('/tasks').send({ id: 'w', schedule, target }).expect(201);
    const told = [
      {
        code: 'range_wrapped',
        pointer: '#/schedule/cron',
        detail: 'hour: "22-6" is read as "22-23,0-6"',
      },
    ];
    expect(created.body.warnings).toEqual(told);
    expect(created.body.schedule).toEqual({ cron: '0 22-23,0-6 * * *', timezone: 'UTC' });
    const put = await api.http.put('/tasks/w').send({ schedule, target }).expect(200);
    expect(put.body.warnings).toEqual(told);
    const patched = await api.http.patch('/tasks/w').send({ schedule }).expect(200);
    expect(patched.body.warnings).toEqual(told);
    const made = await api.http.put('/tasks/w2').send({ schedule, target }).expect(201);
    expect(made.body.warnings).toEqual(told);
    const batch = await api.http
      .post('/tasks/batch')
      .send({
        items: [
          { schedule: '@daily', target },
          { schedule: 'x', target },
          { id: 'w3', schedule, target },
        ],
      })
      .expect(200);
    expect(batch.body.items.map((item: Body) => item.task?.warnings)).toEqual([[], undefined, told]);
    const preview = await api.http.post('/schedules/preview').send({ schedule }).expect(200);
    expect(preview.body.warnings).toEqual(told);
    for (const path of ['/tasks/w', '/tasks']) {
      const { body } = await api.http.get(path).expect(200);
      expect((body.items?.[0] ?? body).warnings).toBeUndefined();
    }
    // Nothing changed but the first time.
    expect(patched.body.version).toBe(1);
  });

  test('are empty for what needs none, and are left aside where an answer is sent back', async () => {
    const { body } = await api.http.post('/tasks').send({ schedule: '*/5 * * * *', target }).expect(201);
    expect(body.warnings).toEqual([]);
    const { schedule, warnings } = body;
    const { body: again } = await api.http.put(`/tasks/${body.id}`).send({ schedule, target, warnings }).expect(200);
    expect(again).toEqual(body);
    await api.http.post('/tasks').send({ schedule, target, warnings: 'none' }).expect(400);
  });

  test('are the same where the creation is asked for again by its key', async () => {
    const send = () =>
      api.http
        .post('/tasks')
        .set('idempotency-key', 'warned')
        .send({ schedule: { every: '1.5h' }, target })
        .expect(201);
    const [first, again] = [await send(), await send()];
    expect(codes(first.body)).toEqual(['duration_written_out']);
    expect(again.body).toEqual(first.body);
  });

  test('H goes by the id, the one given or the one made, and stays', async () => {
    const send = { schedule: 'H H(1-4) * * *', target };
    const { body: made } = await api.http.post('/tasks').send(send).expect(201);
    const { body: shown } = await api.http.post('/schedules/preview').send({ schedule: send.schedule, id: made.id });
    expect(shown.canonical).toEqual(made.schedule);
    expect(codes(shown)).not.toContain('hash_without_id');
    const { body: unknown } = await api.http.post('/schedules/preview').send({ schedule: send.schedule }).expect(200);
    expect(codes(unknown)).toContain('hash_without_id');
    const { body: again } = await api.http.put(`/tasks/${made.id}`).send(send).expect(200);
    expect(again).toMatchObject({ schedule: made.schedule, version: 1 });
    const { body: echoed } = await api.http
      .put(`/tasks/${made.id}`)
      .send({ schedule: made.schedule, target })
      .expect(200);
    expect(echoed).toMatchObject({ schedule: made.schedule, version: 1, nextRunAt: made.nextRunAt });
  });

  test('a zone before the pattern stands for the one of the task, unless the patch says another', async () => {
    await api.http.put('/tasks/z').send({ schedule: { cron: '0 9 * * *', timezone: 'Europe/Berlin' }, target });
    const cron = 'CRON_TZ=Asia/Tokyo 0 9 * * *';
    const { body } = await api.http.patch('/tasks/z').send({ schedule: { cron } }).expect(200);
    expect(body.schedule).toEqual({ cron: '0 9 * * *', timezone: 'Asia/Tokyo' });
    const refused = await api.http
      .patch('/tasks/z')
      .send({ schedule: { cron, timezone: 'UTC' } })
      .expect(422);
    expect(refused.body.errors[0].pointer).toBe('#/schedule/timezone');
  });

  test('a local time is stored as the instant that it is', async () => {
    const { body } = await api.http
      .post('/tasks')
      .send({ schedule: { at: '2099-12-01T09:00', timezone: 'Europe/Berlin' }, target })
      .expect(201);
    expect(body).toMatchObject({
      schedule: { at: '2099-12-01T08:00:00.000Z' },
      nextRunAt: '2099-12-01T08:00:00.000Z',
      warnings: [{ code: 'local_time_resolved', pointer: '#/schedule/at' }],
    });
    const { body: again } = await api.http.put(`/tasks/${body.id}`).send({ schedule: body.schedule, target });
    expect(again).toMatchObject({ version: 1, warnings: [] });
  });
});

describe('an error points at what is wrong', () => {
  const refused = async (body: object) => {
    const answer = await api.http.post('/tasks').send({ schedule: '@daily', target, ...body });
    expect([400, 422]).toContain(answer.status);
    return answer.body.errors.map((error: Body) => `${error.pointer} ${error.detail}`).join('\n');
  };

  test.each([
    [{ timezone: 'Europe/Berlin' }, '#/timezone is not a known field here; it belongs into schedule.timezone'],
    [{ cron: '0 2 * * *' }, '#/cron is not a known field here; it belongs into schedule.cron'],
    [{ every: '5m' }, 'schedule.every'],
    [{ url: target }, 'target.url'],
    [{ maxAttempts: 3 }, 'retry.maxAttempts'],
    [{ target: { type: 'grpc', url: target } }, '#/target/type must be "http", the only one known'],
    [{ shedule: '@daily' }, '#/shedule is not a known field; did you mean "schedule"?'],
    [{ retry: { maxAttempt: 3 } }, '#/retry/maxAttempt is not a known field; did you mean "maxAttempts"?'],
    [
      { schedule: { cron: '@daily', timeZone: 'UTC' } },
      '#/schedule/timeZone is not a known field; did you mean "timezone"?',
    ],
    [{ schedule: { every: '4000d' } }, '#/schedule/every "4000d" is too long: at most 3650d'],
    [{ timeout: '9999999999999999d' }, '#/timeout "9999999999999999d" is too long: at most 3650d'],
    [{ schedule: `0 0 * * ${'1,'.repeat(200)}1` }, '#/schedule is too long: at most 256 characters'],
    [
      { schedule: { cron: '@daily', timezone: 'Europe/Berln' } },
      '#/schedule/timezone "Europe/Berln" is not a time zone',
    ],
    [{ schedule: 'every monday at 9' }, '#/schedule "every monday at 9" is not a pattern; write "0 9 * * MON"'],
  ])('%o', async (body, sentence) => {
    expect(await refused(body)).toContain(sentence);
  });
});
