/** Namespaces: how late the runs of one are, alone and while another one floods the service. */

import { setTimeout as sleep } from 'node:timers/promises';
import { instantOfRunId } from '../src/domain/schedule/occurrence.ts';
import { poll } from '../test/poll.ts';
import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { startCost } from './apparatus/cost.ts';
import { quantile, round } from './apparatus/lateness.ts';
import { postRequest, startLoadClient } from './apparatus/load.ts';
import { plant } from './apparatus/plant.ts';
import type { Replica } from './apparatus/replica.ts';
import { report, sideBySide, warnOfOthers } from './apparatus/report.ts';
import { queryOnce, startServices } from './apparatus/services.ts';
import { startOurs } from './contenders/ours.ts';

const options = readArguments({
  /** The runs of a flood, of namespace a. */
  flood: 5_000,
  /** The tasks of namespace b, each due every second at its own place in it. */
  tasks: 20,
  seconds: 20,
  replicas: 1,
  rounds: 2,
  /** How long the target takes for a run of the slow floods, in milliseconds. */
  answerAfter: 200,
  /** Which of `alone`, `due`, `triggered`, `due slow`, `triggered slow` to measure, in this order. */
  kinds: 'alone,due,triggered,due slow,triggered slow',
});

const kinds = options.kinds.split(',');

/** The flood comes so many seconds after the first instant of b. */
const floodAfterS = 3;

await runBench(async (later) => {
  const services = await startServices(later);
  const { target } = services;
  const ours = await startOurs(later, services, {
    ...{ replicas: options.replicas, settings: options.settings, nodeArguments: [], background: 0, recurring: false },
    more: () => ({}),
  });
  const replica = ours.replicas[0] as Replica;
  const load = startLoadClient(later);
  for (const namespace of ['a', 'b']) await ask(replica, 'PUT', `/namespaces/${namespace}`, {});
  const slowUrl = new URL(`/w${options.answerAfter}`, target.url).href;

  async function measureOne(kind: string, number: number): Promise<Record<string, number>> {
    const name = `${kind.replace(/\W+/g, '-')}-${number}`;
    const url = kind.endsWith('slow') ? slowUrl : target.url;
    const instant = Math.ceil((Date.now() + 12_000) / 1_000) * 1_000;
    const floodAt = instant + floodAfterS * 1_000;
    await target.reset(options.tasks * options.seconds + options.flood + 1_000);
    for (let n = 0; n < options.tasks; n++) {
      const anchor = new Date(instant + Math.floor((n * 1_000) / options.tasks)).toISOString();
      await ask(replica, 'POST', '/ns/b/tasks', {
        ...{ id: `b-${name}-${n}`, target: target.url, schedule: { every: '1s', anchor } },
        startsAt: new Date(instant).toISOString(),
        endsAt: new Date(instant + options.seconds * 1_000 - 1).toISOString(),
      });
    }
    if (kind.startsWith('due')) {
      const id = `a-${name}`;
      const schedule = { at: new Date(floodAt).toISOString() };
      await ask(replica, 'POST', '/ns/a/tasks', { id, target: url, schedule });
      const columns = { id: `'${id}-' || n` };
      await plant(ours.databaseUrl, { table: 'tasks', original: id, copies: options.flood - 1, columns });
    }
    if (kind.startsWith('triggered'))
      await ask(replica, 'POST', '/ns/a/tasks', {
        ...{ id: `a-${name}`, target: url, overlap: 'allow' },
        schedule: { at: new Date(instant + 86_400_000).toISOString() },
      });
    await sleep(instant - Date.now() - 500);
    const endCost = await startCost(services, { pids: ours.pids(), databaseUrl: ours.databaseUrl });
    await sleep(floodAt - Date.now());
    if (kind.startsWith('triggered'))
      await load.run({
        ...{ port: replica.port, connections: 32, repeat: options.flood },
        requests: [postRequest(`/ns/a/tasks/a-${name}/trigger`, {})],
      });
    await sleep(instant + options.seconds * 1_000 - Date.now());
    const all = options.tasks * options.seconds + (kind === 'alone' ? 0 : options.flood);
    await target.waitFor(all, 60_000);
    await ours.settled();
    const { othersShare } = await endCost();
    warnOfOthers(`${kind} ${number}`, othersShare);
    const { ids, times } = await target.arrivals();
    const rows = await queryOnce(
      ours.databaseUrl,
      `select r.id from runs r join tasks t on t.uid = r.task_uid where r.namespace = 'b' and t.id like 'b-${name}-%'`,
    );
    const mine = new Set(rows.map((row) => (row as { id: string }).id));
    const late: number[] = [];
    let floodEnd = floodAt;
    ids.forEach((id, place) => {
      const at = times[place] as number;
      if (mine.has(id)) late.push(at - instantOfRunId(id));
      else floodEnd = Math.max(floodEnd, at);
    });
    const within = ids
      .flatMap((id, place) => (mine.has(id) ? [{ due: instantOfRunId(id), at: times[place] as number }] : []))
      .filter(({ due }) => due >= floodAt && due <= floodEnd)
      .map(({ due, at }) => at - due)
      .sort((one, other) => one - other);
    late.sort((one, other) => one - other);
    return {
      'b p50 ms': round(quantile(late, 0.5)),
      'b p99 ms': round(quantile(late, 0.99)),
      'b worst ms': round(quantile(late, 1)),
      'b missing': options.tasks * options.seconds - new Set(ids.filter((id) => mine.has(id))).size,
      'b double': late.length - new Set(ids.filter((id) => mine.has(id))).size,
      'flood drained ms': Math.round(floodEnd - floodAt),
      'b in the flood': within.length,
      'b p99 in the flood ms': within.length === 0 ? 0 : round(quantile(within, 0.99)),
      'others %': Math.round(othersShare * 100),
    };
  }

  const results: Record<string, Record<string, number>> = {};
  for (let number = 1; number <= options.rounds; number++)
    for (const kind of kinds) results[`${kind} ${number}`] = await measureOne(kind, number);
  const { flood, tasks, seconds, replicas, answerAfter, settings } = options;
  console.log(`\n${tasks} tasks of b every second for ${seconds} s, ${flood} runs of a; ${replicas} replica(s)`);
  report('namespaces', services, sideBySide(results), {
    ...{ flood, tasks, seconds, replicas, answerAfter, settings, results },
  });
});

async function ask(replica: Replica, method: string, path: string, body: unknown): Promise<void> {
  await poll(
    async () => {
      const answer = await fetch(`${replica.url}${path}`, {
        ...{ method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
      });
      if (!answer.ok && answer.status !== 503)
        throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      return answer.ok;
    },
    { what: `${method} ${path}`, withinMs: 10_000 },
  );
}
