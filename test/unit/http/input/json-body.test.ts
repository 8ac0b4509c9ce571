import { expect, test } from 'vitest';
import { readJsonBody } from '../../../../src/http/input/json-body.ts';

/** Reads a body, and counts the turns that it took. */
async function read(bytes: Buffer) {
  let turns = 0;
  const take = async () => void turns++;
  const outcome = await readJsonBody(bytes, { take, areOver: () => true }).catch((error: Error) => error);
  return { outcome, turns };
}

test('one long text of escapes is read in many turns', async () => {
  const text = 'a\n'.repeat(500_000);
  const { outcome, turns } = await read(Buffer.from(JSON.stringify([text])));
  expect(outcome).toEqual([text]);
  expect(turns).toBeGreaterThan(50);
});

test.each([
  ['is not JSON', Buffer.from(`${'\n'.repeat(500_000)}  x`), 'unexpected "x" at line 500001, column 3'],
  ['is not UTF-8', Buffer.concat([Buffer.alloc(500_000, '\n'), Buffer.from([0x20, 0xff])]), 'at line 500001, column 2'],
])('the line of a fault in a body that %s is looked for in many turns', async (_, bytes, words) => {
  const { outcome, turns } = await read(bytes);
  expect((outcome as Error).message).toContain(words);
  expect(turns).toBeGreaterThan(50);
});

test('a fault in the first line has its column', async () => {
  expect((await read(Buffer.from('{"a":1,}'))).outcome).toMatchObject({
    message: expect.stringContaining('line 1, column 8'),
  });
});
