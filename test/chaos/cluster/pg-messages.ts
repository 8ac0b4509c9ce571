/** Cuts what a client sends to Postgres (protocol 3, no TLS) into its messages. */

/** A message, whole, as it goes over the wire. `type` is null for the first of a connection, which has none. */
export type Message = { type: string | null; bytes: Buffer };

/** Takes bytes as they come and gives back the messages that they complete. */
export function messageReader(hasStartup: boolean): (chunk: Buffer) => Message[] {
  let rest: Buffer = Buffer.alloc(0);
  let started = !hasStartup;
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const messages: Message[] = [];
    for (;;) {
      const head = started ? 1 : 0;
      if (rest.length < head + 4) return messages;
      const end = head + rest.readInt32BE(head);
      if (rest.length < end) return messages;
      messages.push({ type: started ? String.fromCharCode(rest[0] as number) : null, bytes: rest.subarray(0, end) });
      started = true;
      rest = rest.subarray(end);
    }
  };
}

/** The name of the statement that a Bind is for, or the text of a simple query; null for other messages. */
export function statementOf({ type, bytes }: Message): string | null {
  if (type === 'B') {
    const name = bytes.indexOf(0, 5) + 1;
    return bytes.toString('utf8', name, bytes.indexOf(0, name)) || '(unnamed)';
  }
  return type === 'Q'
    ? bytes
        .toString('utf8', 5, bytes.length - 1)
        .trim()
        .toLowerCase()
    : null;
}
