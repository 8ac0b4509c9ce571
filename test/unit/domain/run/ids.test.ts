import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRunIds } from '../../../../src/domain/run/ids.ts';
import { instantOfRunId } from '../../../../src/domain/schedule/occurrence.ts';

const uid = fc.maxSafeNat();
const instant = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const clusterId = fc.uuid();

describe('the run id of an occurrence', () => {
  test('is a UUID of version 8 from which both of its parts can be had back', () => {
    fc.assert(
      fc.property(clusterId, uid, instant, (cluster, uid, instant) => {
        const runIds = createRunIds(cluster);
        const id = runIds.of(uid, instant);
        expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
        expect(instantOfRunId(id)).toBe(instant);
        expect(runIds.uidOf(id)).toBe(uid);
      }),
    );
  });

  test('sorts by instant, as text', () => {
    fc.assert(
      fc.property(clusterId, uid, instant, uid, instant, (cluster, uid, instant, otherUid, otherInstant) => {
        fc.pre(instant !== otherInstant);
        const runIds = createRunIds(cluster);
        expect(runIds.of(uid, instant) < runIds.of(otherUid, otherInstant)).toBe(instant < otherInstant);
      }),
    );
  });

  test('is another in another cluster', () => {
    fc.assert(
      fc.property(clusterId, clusterId, uid, instant, (one, other, uid, instant) => {
        fc.pre(one !== other && one.slice(0, 8) !== other.slice(0, 8));
        const [first, second] = [createRunIds(one).of(uid, instant), createRunIds(other).of(uid, instant)];
        const differs = one.slice(0, 3) !== other.slice(0, 3) || one.slice(16) !== other.slice(16);
        expect(first !== second || !differs).toBe(true);
      }),
    );
  });

  test('stays what it is from version to version: replicas of two versions have to agree', () => {
    const runIds = createRunIds('5eb0a1c2-0d3e-4f56-8798-a9bacbdcedfe');
    expect(runIds.of(7, 0x019390000000)).toBe('01939000-0000-85eb-8879-8a9bcbdcedf9');
    expect(runIds.of(2 ** 53 - 1, 1)).toBe('00000000-0001-85eb-8866-756434231201');
  });
});
