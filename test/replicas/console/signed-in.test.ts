/** The console for people who sign in: with a key, below a path prefix, in several namespaces, as a reader. */

import { createHash } from 'node:crypto';
import type { Browser } from 'playwright-core';
import supertest from 'supertest';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { launchChromium, openPage } from '../../services/browser.ts';
import { createDatabase } from '../../services/database.ts';
import { startReplica } from '../../services/process.ts';
import { startTarget } from '../../target.ts';
import { chromium } from './chromium.ts';

const keyOf = (name: string, role: string, namespace = '') =>
  `${name}:${role}:${createHash('sha256').update(`the-key-of-${name}`).digest('hex')}${namespace && `:${namespace}`}`;

describe.skipIf(chromium === null)('who signs in', () => {
  let browser: Browser;
  let url: string;
  beforeAll(async () => {
    browser = await launchChromium(chromium as string);
    const target = await startTarget();
    const database = await createDatabase();
    const replica = await startReplica({
      env: {
        ...{ DATABASE_URL: database.url, TARGET_DENY: 'none', BASE_PATH: '/punctual' },
        API_KEYS: [keyOf('boss', 'owner'), keyOf('ann', 'reader', 'default'), keyOf('joe', 'operator', 'team-a')].join(
          ',',
        ),
      },
    });
    url = `${replica.url}/punctual`;
    const http = supertest(url);
    await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
    const asBoss = { authorization: 'Bearer the-key-of-boss' };
    await http.put('/namespaces/team-a').set(asBoss).send({}).expect(201);
    for (const path of ['/tasks', '/ns/team-a/tasks']) {
      const id = path === '/tasks' ? 'ours' : 'theirs';
      await http
        .post(path)
        .set(asBoss)
        .send({ id, schedule: { manual: true }, target: target.url })
        .expect(201);
    }
  });

  async function signIn(name: string) {
    const opened = await openPage(browser);
    const { page } = opened;
    await page.goto(`${url}/console/tasks`);
    await page.getByLabel('API key').fill(`the-key-of-${name}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Tasks' }).waitFor();
    return opened;
  }

  test('a wrong key is told, and a right one opens the page that was asked for, below the prefix', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${url}/console/tasks/ours`);
    await page.getByLabel('API key').fill('the-key-of-nobody');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('API key').fill('the-key-of-boss');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'ours' }).waitFor();
    expect(page.url()).toBe(`${url}/console/tasks/ours`);
    await page.getByRole('button', { name: 'Trigger' }).click();
    await page.getByText('succeeded', { exact: true }).first().waitFor();
    await page.context().close();
  });

  test('a reader sees everything and is offered no act', async () => {
    const { page, faults } = await signIn('ann');
    await page.getByRole('link', { name: 'ours' }).click();
    await page.getByRole('heading', { level: 1, name: 'ours' }).waitFor();
    const acts = ['Start', 'Stop', 'Trigger', 'Delete', 'Edit', 'New task'];
    for (const name of acts) {
      expect(await page.getByRole('button', { name, exact: true }).count(), name).toBe(0);
      expect(await page.getByRole('link', { name, exact: true }).count(), name).toBe(0);
    }
    expect(faults.filter((fault) => !fault.includes('401'))).toEqual([]);
    await page.context().close();
  });

  test('an owner goes from one namespace to another, and the links keep it', async () => {
    const { page } = await signIn('boss');
    await page.getByRole('link', { name: 'ours' }).waitFor();
    await page.getByLabel('Namespace').selectOption('team-a');
    await page.getByRole('link', { name: 'theirs' }).click();
    await page.getByRole('heading', { level: 1, name: 'theirs' }).waitFor();
    expect(page.url()).toBe(`${url}/console/tasks/theirs?ns=team-a`);
    await page.context().close();
  });

  test('a member of one team is in its namespace at once, and a sign-out ends it', async () => {
    const { page } = await signIn('joe');
    await page.getByRole('link', { name: 'theirs' }).waitFor();
    expect(await page.getByRole('link', { name: 'ours' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    await page.context().close();
  });
});
