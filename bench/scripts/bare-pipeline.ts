/**
 * What must be done for every run and nothing more, as a script: a Redis `SET NX` in a pipeline, a row in a multi-row
 * insert, an undici POST, a share of a batched update. The limit that a service with features is compared with.
 */

import { Redis } from 'ioredis';
import pg from 'pg';
import { createRunIds } from '../../src/domain/run/ids.ts';
import { answerQuestions } from '../apparatus/answering.ts';
import { createCalls } from '../contenders/calls.ts';
import type { Work } from '../contenders/contender.ts';

const runIds = createRunIds('00000000-0000-0000-0000-000000000000');

const { DATABASE_URL = '', REDIS_URL = '', TARGET_URL = '' } = process.env;
const batchSize = 500;
const claimsInFlight = 2;
const mostUnderWay = 1_500;
const lookEveryMs = 4;

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 4 });
const redis = new Redis(REDIS_URL);
const { call } = createCalls(TARGET_URL);

type Occurrence = { id: string; number: number; instant: number };
type Ended = { id: string; at: number; status: number };

const table = `
  create table if not exists bare_runs (
    id uuid primary key, task bigint not null, status text not null, scheduled_for timestamptz not null,
    started_at timestamptz not null, finished_at timestamptz, http_status smallint
  ) with (fillfactor = 70);
  create index if not exists bare_runs_task on bare_runs (task, id)`;
const insertText = `
  insert into bare_runs (id, task, status, scheduled_for, started_at)
  select id, task, 'running', scheduled_for, now() from unnest($1::uuid[], $2::bigint[], $3::timestamptz[])
    as d(id, task, scheduled_for)
  on conflict do nothing returning id`;
const updateText = `
  update bare_runs r set status = 'succeeded', finished_at = s.at, http_status = s.status
  from unnest($1::uuid[], $2::timestamptz[], $3::smallint[]) as s(id, at, status) where r.id = s.id`;

const ended: Ended[] = [];
let writing = false;
let underWay = 0;
let claims = 0;
let onIdle = () => {};

/** The occurrences of the work in the order of their instants, by place. */
function occurrenceAt({ count, spread, instant }: Work, place: number): { number: number; at: number } {
  const number = place % count;
  const second = Math.floor(place / count) * 1_000;
  return { number: number + 1, at: instant + second + (spread ? Math.floor((number * 1_000) / count) : 0) };
}

async function claim(batch: Occurrence[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const { id } of batch) pipeline.set(`bare:${id}`, '1', 'PX', 10_000, 'NX');
  const answers = (await pipeline.exec()) ?? [];
  const granted = batch.filter((_, place) => answers[place]?.[1] === 'OK');
  await pool.query({
    name: 'insert',
    text: insertText,
    values: [
      granted.map(({ id }) => id),
      granted.map(({ number }) => number),
      granted.map(({ instant }) => new Date(instant).toISOString()),
    ],
  });
  for (const occurrence of granted) void carryOut(occurrence);
  underWay -= batch.length - granted.length;
}

async function carryOut({ id, number, instant }: Occurrence): Promise<void> {
  const status = await call(number, instant);
  ended.push({ id, at: Date.now(), status });
  if (!writing) {
    writing = true;
    setImmediate(write);
  }
}

async function write(): Promise<void> {
  while (ended.length > 0) {
    const batch = ended.splice(0, 1_000);
    await pool.query({
      name: 'update',
      text: updateText,
      values: [
        batch.map(({ id }) => id),
        batch.map(({ at }) => new Date(at).toISOString()),
        batch.map(({ status }) => status),
      ],
    });
    underWay -= batch.length;
  }
  writing = false;
  if (underWay === 0) onIdle();
}

function begin(work: Work): void {
  const total = work.count * work.repeats;
  let place = 0;
  const look = () => {
    const now = Date.now();
    while (claims < claimsInFlight && underWay < mostUnderWay) {
      const batch: Occurrence[] = [];
      while (batch.length < batchSize && place < total) {
        const { number, at } = occurrenceAt(work, place);
        if (at > now) break;
        batch.push({ id: runIds.of(number, at), number, instant: at });
        place++;
      }
      if (batch.length === 0) break;
      claims++;
      underWay += batch.length;
      void claim(batch)
        .finally(() => claims--)
        .then(look);
    }
  };
  const timer = setInterval(() => {
    look();
    if (place === total) clearInterval(timer);
  }, lookEveryMs);
}

answerQuestions({
  async prepare(work: Work) {
    await pool.query(table);
    await Promise.all(Array.from({ length: 4 }, () => pool.query('select pg_sleep(0.05)')));
    setTimeout(() => begin(work), work.instant - Date.now());
  },
  settled() {
    if (underWay === 0) return;
    return new Promise<void>((resolve) => {
      onIdle = resolve;
    });
  },
});
