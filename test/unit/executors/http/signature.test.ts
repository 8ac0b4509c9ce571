import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createSigner, parseSigningSecrets } from '../../../../src/executors/http/signature.ts';

const published = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const other = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;

function signerOf(text: string) {
  const secrets = parseSigningSecrets(text);
  return createSigner(secrets.ok ? secrets.value : []);
}

test('the example of the Standard Webhooks libraries is signed as published', () => {
  const signature = signerOf(published)?.('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}');
  expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('each secret signs, newest first', () => {
  const message = ['id', 1, Buffer.from('body')] as const;
  const both = signerOf(`${published}, ${other}`)?.(...message);
  expect(both).toBe(`${signerOf(published)?.(...message)} ${signerOf(other)?.(...message)}`);
});

test('no secret, no signer', () => {
  expect(signerOf(' ')).toBeNull();
});

test.each([
  ['hunter2hunter2hunter2hunter2', 'does not begin with "whsec_"'],
  ['whsec_hunter2!', 'is not base64'],
  ['whsec_hunter2', 'must hold 24 to 64 bytes'],
  [`whsec_${Buffer.alloc(65).toString('base64')}`, 'must hold 24 to 64 bytes'],
])('%s is refused without being repeated', (bad, reason) => {
  const secrets = parseSigningSecrets(`${published},${bad}`);
  expect(secrets).toEqual({ ok: false, errors: [expect.stringContaining(`signing secret 2 ${reason}`)] });
  expect(JSON.stringify(secrets)).not.toMatch(/hunter2/);
});

test('a secret that was read cannot be logged by accident', () => {
  const text = `${JSON.stringify(parseSigningSecrets(published))} ${inspect(parseSigningSecrets(published), { depth: 9 })}`;
  expect(text).not.toContain('MfKQ9r8');
  expect(text).not.toContain(Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64').toString('hex').slice(0, 8));
});
