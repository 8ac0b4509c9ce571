/** Watches the statements of one connection to Postgres and interferes at a chosen moment of one of them. */

import { type Message, messageReader, statementOf } from './pg-messages.ts';

/**
 * The moments of a statement: before the server has it; executed but not committed (its Sync is kept back); committed,
 * but the answer kept back; answered.
 */
export type Moment = 'asked' | 'executed' | 'committed' | 'answered';

/** What to do with which statement. `act` is called where `wants` says so, and its answer is done to the connection. */
export type Gate = {
  wants(statement: string, moment: Moment): boolean;
  /** `reset` breaks the connection, `hold` lets nothing through any more. */
  act(statement: string, moment: Moment): 'go' | 'reset' | 'hold';
};

type Session = { fromClient: (chunk: Buffer) => void; fromServer: (chunk: Buffer) => void };

/** How long Postgres may take to have executed what it was given before its Sync is dealt with. */
const executionMs = 30;

/** Without a gate it costs no more than cutting the client's bytes into messages. */
export function createGate(
  gateNow: () => Gate | null,
  toServer: (bytes: Buffer) => void,
  toClient: (bytes: Buffer) => void,
  reset: () => void,
): Session {
  const read = messageReader(true);
  let statement: string | null = null;
  let answering: string | null = null;
  let answer: Buffer[] = [];
  let broken = false;
  let isPostgres: boolean | null = null;

  const wants = (name: string, moment: Moment) => gateNow()?.wants(name, moment) ?? false;

  /** Whether to go on. */
  function passes(name: string, moment: Moment): boolean {
    const verdict = wants(name, moment) ? gateNow()?.act(name, moment) : 'go';
    if (verdict === 'go' || verdict === undefined) return true;
    broken = true;
    if (verdict === 'reset') reset();
    return false;
  }

  function take(message: Message): void {
    if (broken) return;
    const name = statementOf(message);
    if (name !== null) statement = name;
    if (name !== null && !passes(name, 'asked')) return;
    // A simple query executes and commits in one: only what ends a transaction can be told apart, as `commit`.
    if (message.type === 'S' && statement !== null) {
      const current = statement;
      answering = current;
      statement = null;
      if (wants(current, 'executed')) {
        // A Flush has Postgres work through what it was given; the Sync would commit it.
        toServer(Buffer.from([0x48, 0, 0, 0, 4]));
        setTimeout(() => {
          if (!broken && passes(current, 'executed')) toServer(message.bytes);
        }, executionMs);
        return;
      }
    } else if (message.type === 'Q') {
      answering = statement;
      statement = null;
    }
    toServer(message.bytes);
  }

  return {
    fromClient(chunk) {
      // Redis speaks first with a `*`; only Postgres' first message begins with a length.
      isPostgres ??= chunk[0] === 0;
      if (!isPostgres) return toServer(chunk);
      for (const message of read(chunk)) take(message);
    },
    fromServer(chunk) {
      if (broken) return;
      const name = answering;
      if (!isPostgres || name === null || !(wants(name, 'committed') || wants(name, 'answered') || answer.length > 0))
        return toClient(chunk);
      answer.push(chunk);
      const whole = Buffer.concat(answer);
      // ReadyForQuery ends every answer: Z, its length, and one letter.
      if (whole.length < 6 || whole.toString('latin1', whole.length - 6, whole.length - 1) !== 'Z\0\0\0\x05') return;
      answering = null;
      answer = [];
      if (!passes(name, 'committed')) return;
      toClient(whole);
      passes(name, 'answered');
    },
  };
}
