import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { startTarget, type Target } from '../../target.ts';
import { type DnsServer, startDns } from '../../unit/executors/http/names/dns-server.ts';
import { type Body, isOver, startReady } from './ready.ts';

let target: Target;
let dns: DnsServer;
beforeAll(async () => {
  [target, dns] = await Promise.all([startTarget(), startDns()]);
});
afterAll(() => Promise.all([target.close(), dns.close()]));

test.skipIf(inject('postgres').kind === 'embedded')(
  'two names that nobody answers for delay neither a healthy target nor the way back to Postgres',
  { timeout: 90_000 },
  async () => {
    const url = new URL((await createDatabase()).url);
    // A name, so that each new connection needs a look-up.
    if (url.hostname === '127.0.0.1') url.hostname = 'localhost';
    const { http, stop } = await startReady({ env: { DATABASE_URL: url.href, TARGET_DNS_SERVERS: dns.address } });
    for (const name of ['dead-1.test', 'dead-2.test']) dns.set(name, 'silent');
    dns.set('billing.test', { addresses: ['127.0.0.1'], ttl: 1 });
    const about = { schedule: '@every 1s', timeout: '8s', overlap: 'allow' };
    const items = [
      { ...about, id: 'dead-1', target: `http://dead-1.test:${target.port}/` },
      { ...about, id: 'dead-2', target: `http://dead-2.test:${target.port}/` },
      { ...about, id: 'healthy', schedule: '@every 200ms', target: `http://billing.test:${target.port}/healthy` },
    ];
    await http.post('/tasks/batch').send({ items }).expect(200);
    // Enough of them hang to keep every thread of the process busy, were they to need one.
    await poll(async () => (await http.get('/runs?status=running&task=dead-1').expect(200)).body.items.length >= 5, {
      what: 'calls to hang',
    });
    const before = target.requests.length;
    await target.waitFor(({ length }) => length >= before + 10);

    const admin = new pg.Client({ connectionString: url.href });
    await admin.connect();
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await admin.end();
    const killed = target.requests.length;
    await target.waitFor(({ length }) => length >= killed + 10);

    for (const { id } of items) await http.post(`/tasks/${id}/stop`).send({ cancel: 'all' }).expect(200);
    await poll(async () => ((await http.get('/runs?limit=200').expect(200)).body.items as Body[]).every(isOver), {
      what: 'every run to be over',
    });
    const { items: runs } = (await http.get('/tasks/healthy/runs?limit=200').expect(200)).body;
    expect(runs.filter(({ status }: Body) => status !== 'succeeded' && status !== 'cancelled')).toEqual([]);
    expect(await stop()).toBe(0);
  },
);
