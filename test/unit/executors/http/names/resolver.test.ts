import { beforeEach, describe, expect, test } from 'vitest';
import type { Resolved } from '../../../../../src/executors/http/connections/connector.ts';
import type { NameQuery } from '../../../../../src/executors/http/names/look-up.ts';
import { createResolver } from '../../../../../src/executors/http/names/resolver.ts';
import { createClock, type HandClock, runDueCallbacks } from '../../../../clock.ts';

type Question = {
  family: 4 | 6;
  name: string;
  answer(addresses: string[], ttl?: number): void;
  fail(code: string): void;
};

/** A resolver whose questions the test answers. */
function start(options: { files?: Record<string, string>; most?: { names: number; lookUps: number } } = {}) {
  const clock = createClock();
  const questions: Question[] = [];
  let open = 0;
  function newQuery(): NameQuery {
    const asked: Question[] = [];
    open++;
    const ask = (family: 4 | 6) => (name: string) =>
      new Promise<{ address: string; ttl: number }[]>((resolve, reject) => {
        const question: Question = {
          family,
          name,
          answer: (addresses, ttl = 30) => resolve(addresses.map((address) => ({ address, ttl }))),
          fail: (code) => reject(Object.assign(new Error(code), { code })),
        };
        questions.push(question);
        asked.push(question);
      });
    return {
      resolve4: ask(4),
      resolve6: ask(6),
      cancel() {
        open--;
        for (const question of asked) question.fail('ECANCELLED');
      },
    };
  }
  const { resolve, close } = createResolver({
    clock,
    readText(path) {
      const text = options.files?.[path];
      if (text === undefined) throw new Error(`no ${path}`);
      return text;
    },
    newQuery,
    ...(options.most ? { most: options.most } : {}),
  });
  /** What comes of asking for a name, as soon as it has. */
  function ask(host: string) {
    const asked: { addresses?: string[]; late?: Resolved['late']; code?: string } = {};
    resolve(host).then(
      ({ addresses, late }) => Object.assign(asked, { addresses: addresses.map((each) => each.address), late }),
      ({ code }) => Object.assign(asked, { code }),
    );
    return asked;
  }
  /** Answers the questions that are open: IPv4 with these addresses, IPv6 with none. */
  async function answer(addresses: string[], ttl?: number) {
    await runDueCallbacks();
    for (const question of questions.splice(0))
      if (question.family === 4) question.answer(addresses, ttl);
      else question.fail('ENODATA');
    await runDueCallbacks();
  }
  async function failAll(code: string) {
    await runDueCallbacks();
    for (const question of questions.splice(0)) question.fail(code);
    await runDueCallbacks();
  }
  return { clock, questions, ask, answer, failAll, close, open: () => open };
}

describe('an answer', () => {
  test('is shared by all who ask meanwhile, and used for as long as its TTL says', async () => {
    const { clock, questions, ask, answer } = start();
    const asked = [ask('billing.example'), ask('BILLING.example')];
    await runDueCallbacks();
    expect(questions).toHaveLength(2);
    await answer(['10.0.0.1'], 30);
    expect(asked.map(({ addresses }) => addresses)).toEqual([['10.0.0.1'], ['10.0.0.1']]);
    await clock.advance(29_999);
    ask('billing.example');
    await runDueCallbacks();
    expect(questions).toHaveLength(0);
    await clock.advance(1);
    const later = ask('billing.example');
    await answer(['10.0.0.2'], 30);
    expect(later.addresses).toEqual(['10.0.0.2']);
  });

  test.each([
    [0, 1_000],
    [86_400, 60_000],
  ])('with a TTL of %d s is used for %d ms', async (ttl, freshMs) => {
    const { clock, questions, ask, answer } = start();
    ask('billing.example');
    await answer(['10.0.0.1'], ttl);
    await clock.advance(freshMs - 1);
    ask('billing.example');
    await runDueCallbacks();
    expect(questions).toHaveLength(0);
    await clock.advance(1);
    ask('billing.example');
    await runDueCallbacks();
    expect(questions).toHaveLength(2);
  });

  test('that is out of date is used while no new one comes, for five minutes', async () => {
    const { clock, questions, ask, answer } = start();
    ask('billing.example');
    await answer(['10.0.0.1'], 60);
    await clock.advance(60_000);
    const first = ask('billing.example');
    await clock.advance(299);
    expect(first).toEqual({});
    await clock.advance(1);
    expect(first.addresses).toEqual(['10.0.0.1']);
    // From now on nobody waits for it, and it is asked for again and again.
    for (let passed = 300; passed < 5 * 60_000 - 1_000; passed += 1_000) {
      const again = ask('billing.example');
      await runDueCallbacks();
      expect(again.addresses).toEqual(['10.0.0.1']);
      await clock.advance(1_000);
    }
    expect(questions.length).toBeGreaterThan(2 * 15);
    expect(questions.length).toBeLessThan(2 * 40);
    await clock.advance(2_000);
    const late = ask('billing.example');
    await clock.advance(20_000);
    expect(late.code).toBe('ETIMEOUT');
  });

  test('that is new is used as soon as it comes, after any failure', async () => {
    const { clock, ask, answer, failAll } = start();
    ask('billing.example');
    await answer(['10.0.0.1'], 1);
    await clock.advance(1_000);
    const stale = ask('billing.example');
    await failAll('ESERVFAIL');
    expect(stale.addresses).toEqual(['10.0.0.1']);
    await clock.advance(1_000);
    ask('billing.example');
    await answer(['10.0.0.2']);
    const fresh = ask('billing.example');
    await runDueCallbacks();
    expect(fresh.addresses).toEqual(['10.0.0.2']);
  });

  test('that there is no such name is one too: the old address is not used any more', async () => {
    const { clock, ask, answer, failAll } = start();
    ask('billing.example');
    await answer(['10.0.0.1'], 1);
    await clock.advance(1_000);
    const gone = ask('billing.example');
    await failAll('ENOTFOUND');
    const again = ask('billing.example');
    await clock.advance(1_000);
    const later = ask('billing.example');
    await failAll('ESERVFAIL');
    expect([gone.code, again.code, later.addresses]).toEqual(['ENOTFOUND', 'ENOTFOUND', undefined]);
  });

  test('is kept of so many names, and those used longest ago are forgotten', async () => {
    const { questions, ask, answer } = start({ most: { names: 2, lookUps: 8 } });
    for (const host of ['a.example', 'b.example', 'a.example', 'c.example', 'a.example']) {
      ask(host);
      await answer(['10.0.0.1']);
    }
    ask('a.example');
    await runDueCallbacks();
    expect(questions).toHaveLength(0);
    ask('b.example');
    await runDueCallbacks();
    expect(questions).toHaveLength(2);
    ask('c.example');
    await runDueCallbacks();
    const full = ask('d.example');
    await runDueCallbacks();
    expect([questions.length, full.code]).toEqual([4, 'EBUSY']);
  });
});

describe('a failure', () => {
  test('is told to those who ask within a second, and then asked for again', async () => {
    for (const code of ['ENOTFOUND', 'ESERVFAIL']) {
      const { clock, questions, ask, answer, failAll } = start();
      const first = ask('nobody.example');
      await failAll(code);
      await clock.advance(999);
      const second = ask('nobody.example');
      await runDueCallbacks();
      expect([first.code, second.code, questions.length]).toEqual([code, code, 0]);
      await clock.advance(1);
      const third = ask('nobody.example');
      await answer(['10.0.0.1']);
      expect(third.addresses).toEqual(['10.0.0.1']);
    }
  });

  test('comes after ten seconds of silence, and nothing stays open', async () => {
    const { clock, ask, open } = start();
    const asked = ask('dead.example');
    await clock.advance(9_999);
    expect([asked, open()]).toEqual([{}, 1]);
    await clock.advance(1);
    expect([asked.code, open()]).toEqual(['ETIMEOUT', 0]);
  });

  test('comes sooner for those who ask after one, and the look-up goes on', async () => {
    const { clock, ask, answer } = start();
    ask('dead.example');
    await clock.advance(11_000);
    const second = ask('dead.example');
    await clock.advance(1_000);
    const third = ask('dead.example');
    await clock.advance(999);
    expect([second, third]).toEqual([{}, {}]);
    await clock.advance(1);
    const fourth = ask('dead.example');
    await clock.advance(0);
    expect([second.code, third.code, fourth.code]).toEqual(['ETIMEOUT', 'ETIMEOUT', 'ETIMEOUT']);
    await answer(['10.0.0.1']);
    const fifth = ask('dead.example');
    await runDueCallbacks();
    expect(fifth.addresses).toEqual(['10.0.0.1']);
  });

  test('of look-ups at the end', async () => {
    const { ask, close, open } = start();
    const asked = ask('dead.example');
    await runDueCallbacks();
    close();
    await runDueCallbacks();
    expect([asked.code, open()]).toEqual(['ECANCELLED', 0]);
  });
});

describe('both families', () => {
  let clock: HandClock;
  let made: ReturnType<typeof start>;
  let asked: ReturnType<typeof made.ask>;
  let four: Question;
  let six: Question;
  beforeEach(async () => {
    made = start();
    clock = made.clock;
    asked = made.ask('billing.example');
    await runDueCallbacks();
    four = made.questions.find(({ family }) => family === 4) as Question;
    six = made.questions.find(({ family }) => family === 6) as Question;
  });

  test('are asked at once, and IPv6 comes first', async () => {
    four.answer(['10.0.0.1', '10.0.0.2'], 30);
    six.answer(['fd00::1'], 5);
    await runDueCallbacks();
    expect(asked).toEqual({ addresses: ['fd00::1', '10.0.0.1', '10.0.0.2'], late: null });
    await clock.advance(5_000);
    made.ask('billing.example');
    await runDueCallbacks();
    expect(made.questions).toHaveLength(4);
  });

  test.each(['A', 'AAAA'])('need not both answer: the other one is waited for 50 ms when %s has', async (type) => {
    if (type === 'A') four.answer(['10.0.0.1']);
    else six.answer(['fd00::1']);
    await clock.advance(49);
    expect(asked).toEqual({});
    await clock.advance(1);
    expect(asked.addresses).toEqual([type === 'A' ? '10.0.0.1' : 'fd00::1']);
    // It may still come, for this caller and for later ones.
    if (type === 'A') six.answer(['fd00::1']);
    else four.answer(['10.0.0.1']);
    expect((await asked.late)?.map(({ address }) => address)).toEqual([type === 'A' ? 'fd00::1' : '10.0.0.1']);
    const later = made.ask('billing.example');
    await runDueCallbacks();
    expect(later).toEqual({ addresses: ['fd00::1', '10.0.0.1'], late: null });
    expect(made.open()).toBe(0);
  });

  test.each(['ENODATA', 'ENOTFOUND', 'ESERVFAIL', 'EREFUSED'])(
    'may fail in one: %s of it counts for nothing',
    async (code) => {
      six.fail(code);
      four.answer(['10.0.0.1']);
      await runDueCallbacks();
      expect(asked).toEqual({ addresses: ['10.0.0.1'], late: null });
    },
  );

  test('are given up when one stays silent, and the other one counts', async () => {
    four.answer(['10.0.0.1'], 1);
    // The answer counts from the moment at which the other family was given up.
    await clock.advance(1_050);
    const again = made.ask('billing.example');
    await runDueCallbacks();
    made.questions.filter(({ family }) => family === 4)[1]?.answer(['10.0.0.2'], 60);
    await clock.advance(50);
    expect(again.addresses).toEqual(['10.0.0.2']);
    await clock.advance(10_000);
    expect([await asked.late, await again.late, made.open()]).toEqual([[], [], 0]);
  });

  test('must both say that there is no such name', async () => {
    four.fail('ENOTFOUND');
    await runDueCallbacks();
    expect(asked).toEqual({});
    six.fail('ESERVFAIL');
    await runDueCallbacks();
    expect(asked.code).toBe('ESERVFAIL');
  });
});

describe('names that nobody answers for', () => {
  test('leave places for others after two seconds, and come last after that', async () => {
    const { clock, questions, ask } = start({ most: { names: 100, lookUps: 4 } });
    const dead = Array.from({ length: 12 }, (_, place) => ask(`dead-${place}.example`));
    const healthy = ask('healthy.example');
    await runDueCallbacks();
    expect(questions).toHaveLength(8);
    await clock.advance(6_000);
    const question = questions.find(({ name, family }) => name === 'healthy.example' && family === 4);
    question?.answer(['10.0.0.1']);
    await clock.advance(50);
    expect(healthy.addresses).toEqual(['10.0.0.1']);
    // Those that were cut off have failed; they ask again behind a name that nobody has asked for.
    await clock.advance(10_000);
    expect(dead.map(({ code }) => code)).toEqual(dead.map(() => 'ETIMEOUT'));
    questions.length = 0;
    for (let place = 0; place < 12; place++) ask(`dead-${place}.example`);
    const other = ask('other.example');
    await clock.advance(2_000);
    questions.find(({ name, family }) => name === 'other.example' && family === 4)?.answer(['10.0.0.2']);
    await clock.advance(50);
    expect(other.addresses).toEqual(['10.0.0.2']);
  });
});

describe('the files of the machine', () => {
  const files = {
    '/etc/hosts': '127.0.0.1 localhost\n# 10.0.0.8 no\n10.0.0.9\tBilling.test billing # here\nfd00::9 billing\nx y\n',
    '/etc/resolv.conf':
      'nameserver 10.0.0.2\nsearch ns.svc.cluster.local. svc.cluster.local\noptions timeout:1 ndots:2\n',
  };

  test('name hosts that are not asked for', async () => {
    const { questions, ask } = start({ files });
    const asked = ['billing.TEST', 'billing', 'billing.', 'localhost', 'a.localhost'].map(ask);
    await runDueCallbacks();
    expect(asked.map(({ addresses }) => addresses)).toEqual([
      ['10.0.0.9'],
      ['10.0.0.9', 'fd00::9'],
      ['10.0.0.9', 'fd00::9'],
      ['127.0.0.1'],
      ['127.0.0.1', '::1'],
    ]);
    expect(questions).toHaveLength(0);
  });

  test('are read again when they change', async () => {
    const changing: Record<string, string> = { ...files };
    const { clock, ask } = start({ files: changing });
    ask('billing');
    changing['/etc/hosts'] = '10.0.0.10 billing\n';
    await clock.advance(5_000);
    const asked = ask('billing');
    await runDueCallbacks();
    expect(asked.addresses).toEqual(['10.0.0.10']);
  });

  test.each([
    ['queue', ['queue.ns.svc.cluster.local', 'queue.svc.cluster.local', 'queue']],
    ['queue.other', ['queue.other.ns.svc.cluster.local', 'queue.other.svc.cluster.local', 'queue.other']],
    [
      'api.example.com',
      ['api.example.com', 'api.example.com.ns.svc.cluster.local', 'api.example.com.svc.cluster.local'],
    ],
    ['queue.other.', ['queue.other']],
  ])('say in which domains %s is looked for', async (host, names) => {
    const { questions, ask } = start({ files });
    const asked = ask(host);
    const tried: string[] = [];
    for (let turn = 0; turn < names.length; turn++) {
      await runDueCallbacks();
      tried.push(questions[0]?.name ?? '');
      for (const question of questions.splice(0)) question.fail(turn === 1 ? 'ESERVFAIL' : 'ENOTFOUND');
    }
    await runDueCallbacks();
    expect([tried, questions.length]).toEqual([names, 0]);
    expect(asked.code).toBe(names.length > 1 ? 'ESERVFAIL' : 'ENOTFOUND');
  });

  test('lead to the first name that exists, and not past a server that is silent', async () => {
    const found = start({ files });
    const asked = found.ask('queue');
    await found.failAll('ENOTFOUND');
    await found.answer(['10.0.0.3']);
    expect(asked.addresses).toEqual(['10.0.0.3']);
    const silent = start({ files });
    const unanswered = silent.ask('queue');
    await silent.failAll('ETIMEOUT');
    expect([unanswered.code, silent.questions.length]).toEqual(['ETIMEOUT', 0]);
  });
});
