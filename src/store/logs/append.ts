/** Appends to the log of a run, in pieces whose number is bounded whatever its writer sends. */

import { headOf, type LogLayout, layoutAfter } from '../../domain/run/log-layout.ts';
import { type ByteMasker, mayBeSame } from '../../domain/secrets/byte-masking.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import type { FilledRow, Row } from '../rows.ts';
import { readStored } from './read.ts';
import type { runLog, runLogs } from './schema.ts';

export type LogAppend = {
  runId: string;
  /** The attempt that writes. */
  attempt: number;
  /** Where the bytes begin in the log. */
  offset: number;
  bytes: Buffer;
  /** At most so many bytes are kept, give or take a piece. */
  limit: number;
  /** Null where the task uses no secrets. */
  masker: ByteMasker | null;
  /** Gives other work its turn. */
  pace: () => Promise<void>;
};

/**
 * `taken`: all of them are in the log now. `gap`: they begin beyond its end. `different`: other bytes stand there.
 * `over`: the attempt is not under way.
 */
export type LogAppended = { result: 'taken' | 'gap' | 'different'; log: LogLayout } | { result: 'over' };

/** In bytes. A piece shorter than this grows with the next append. */
const shortPiece = 4 * 1024;
const longestPiece = 64 * 1024;
/** A replica that froze must not keep others from the log, in milliseconds. */
const mostIdleMs = 5_000;

/** A lock in Postgres, for as long as a transaction takes. It also holds where the log has no row yet. */
const lockOf = 'hashtextextended($1::text, 16)';

/** The end of an attempt's log is hidden where so many bytes of it, or more, may be the beginning of a secret. */
export const shortestHidden = 8;

type Head = LogLayout & { held: number };
type Piece = { attempt: number; offset: number; bytes: Buffer };

export function appendToLog(database: Database, append: LogAppend): Promise<LogAppended> {
  return inTransaction(database, (db) => appendIn(db, append), mostIdleMs);
}

/** Waits for the appends under way: after a run has ended, no more come. */
export async function awaitAppends(db: Queryable, runId: string): Promise<void> {
  await db.query({
    name: 'await-appends',
    text: `select pg_advisory_xact_lock_shared(${lockOf})`,
    values: [runId],
  });
}

async function appendIn(db: Queryable, append: LogAppend): Promise<LogAppended> {
  const { runId, attempt, offset, limit, masker, pace } = append;
  await db.query({ name: 'lock-log', text: `select pg_advisory_xact_lock(${lockOf})`, values: [runId] });
  // What the lock waited for is seen by the next statement.
  const found = await readEnd(db, runId, attempt);
  if (found === null) return { result: 'over' };
  const { head, pieces } = found;
  if (offset > head.bytes) return { result: 'gap', log: head };
  const known = append.bytes.subarray(0, head.bytes - offset);
  if (known.length > 0 && !(await isKnown(db, append, known))) return { result: 'different', log: head };
  const rest = append.bytes.subarray(known.length);
  if (rest.length === 0) return { result: 'taken', log: head };

  const last = pieces.at(-1);
  const isOwn = last !== undefined && last.attempt === attempt;
  const held = isOwn ? head.held : 0;
  if (!isOwn && head.held >= shortestHidden) await hideEnd(db, runId, pieces, head.bytes - head.held);
  const grows = isOwn && last.bytes.length < shortPiece && head.bytes !== headOf(limit);
  const begun = held > 0 ? pieces : grows ? [last] : [];
  const from = begun[0]?.offset ?? head.bytes;
  const stored = Buffer.concat(begun.map(({ bytes }) => bytes));
  const shown = stored.subarray(0, stored.length - held);
  const unseen = Buffer.concat([stored.subarray(shown.length), rest]);
  const masked = await hidden(unseen, masker, pace);
  const log = layoutAfter(head, head.bytes + rest.length, limit);
  // The beginning of a secret has to be kept until more is known.
  const isTooLong = masked.held > log.bytes - Math.max(log.droppedTo, from);
  if (isTooLong) masked.bytes.fill('*', masked.bytes.length - masked.held);
  await writePieces(db, append, from, Buffer.concat([shown, masked.bytes]), begun.length > 1);
  await writeHead(db, runId, { ...log, held: isTooLong ? 0 : masked.held });
  if (log.droppedTo > log.droppedFrom) await drop(db, runId, log);
  return { result: 'taken', log };
}

/** The bytes without the values of secrets, and how many at their end may be the beginning of one. */
async function hidden(bytes: Buffer, masker: ByteMasker | null, pace: () => Promise<void>) {
  return masker === null ? { bytes, held: 0 } : masker(bytes, pace);
}

/** The end of a log, with the pieces that the next bytes may change; null where the attempt is not under way. */
async function readEnd(db: Queryable, runId: string, attempt: number): Promise<{ head: Head; pieces: Piece[] } | null> {
  const { rows } = await db.query<
    Partial<Row<typeof runLogs>> & Partial<FilledRow<typeof runLog, 'offset' | 'attempt'>> & { piece: Buffer | null }
  >({
    name: 'end-of-log',
    text: `
      select l.bytes, l.held, l.dropped_from, l.dropped_to, p.attempt, p."offset", p.bytes as piece
      from runs r left join run_logs l on l.run = r.id
      left join run_log p on p.run = l.run and p."offset" >= (
        select max(q."offset") from run_log q where q.run = l.run and q."offset" <= l.bytes - greatest(l.held, 1))
      where r.id = $1 and r.attempt = $2 and r.status = 'running'
      order by p."offset"`,
    values: [runId, attempt],
  });
  const [first] = rows;
  if (!first) return null;
  const head = {
    bytes: Number(first.bytes ?? 0),
    held: first.held ?? 0,
    droppedFrom: Number(first.dropped_from ?? 0),
    droppedTo: Number(first.dropped_to ?? 0),
  };
  const pieces = rows.flatMap(({ attempt: writer, offset, piece }) =>
    piece === null ? [] : [{ attempt: Number(writer), offset: Number(offset), bytes: piece }],
  );
  return { head, pieces };
}

/** Whether the log has these bytes already. What was dropped is not looked at. */
async function isKnown(db: Queryable, { runId, offset, masker }: LogAppend, bytes: Buffer): Promise<boolean> {
  const stored = await readStored(db, runId, offset, offset + bytes.length);
  return stored.every(({ from, bytes: there }) => {
    const sent = bytes.subarray(from - offset, from - offset + there.length);
    return masker === null ? there.equals(sent) : mayBeSame(there, sent);
  });
}

/** Writes the bytes from an offset to the end of the log. */
async function writePieces(
  db: Queryable,
  { runId, attempt, limit }: LogAppend,
  from: number,
  bytes: Buffer,
  hasMore: boolean,
): Promise<void> {
  if (hasMore)
    await db.query({
      name: 'cut-log',
      text: 'delete from run_log where run = $1 and "offset" > $2',
      values: [runId, from],
    });
  const head = headOf(limit);
  for (let at = 0; at < bytes.length; ) {
    const place = from + at;
    const untilHead = place < head ? head - place : Number.POSITIVE_INFINITY;
    const piece = bytes.subarray(at, at + Math.min(longestPiece, untilHead));
    await db.query({
      name: 'write-piece',
      text: `
        insert into run_log (run, attempt, "offset", bytes) values ($1, $2, $3, $4)
        on conflict (run, "offset") do update set bytes = excluded.bytes`,
      values: [runId, attempt, place, piece],
    });
    at += piece.length;
  }
}

/** Hides the bytes from an offset to the end. */
async function hideEnd(db: Queryable, runId: string, pieces: readonly Piece[], from: number): Promise<void> {
  for (const { offset, bytes } of pieces)
    await db.query({
      name: 'hide-piece',
      text: 'update run_log set bytes = $3 where run = $1 and "offset" = $2',
      values: [runId, offset, Buffer.from(bytes).fill('*', Math.max(0, from - offset))],
    });
}

async function writeHead(db: Queryable, runId: string, head: Head): Promise<void> {
  await db.query({
    name: 'write-log-head',
    text: `
      insert into run_logs (run, bytes, held, dropped_from, dropped_to) values ($1, $2, $3, $4, $5)
      on conflict (run) do update set bytes = excluded.bytes, held = excluded.held,
        dropped_from = excluded.dropped_from, dropped_to = excluded.dropped_to`,
    values: [runId, head.bytes, head.held, head.droppedFrom, head.droppedTo],
  });
}

async function drop(db: Queryable, runId: string, { droppedFrom, droppedTo }: LogLayout): Promise<void> {
  await db.query({
    name: 'drop-pieces',
    text: `
      delete from run_log where run = $1 and "offset" >= $2 and "offset" < $3 and "offset" + octet_length(bytes) <= $3`,
    values: [runId, droppedFrom, droppedTo],
  });
}
