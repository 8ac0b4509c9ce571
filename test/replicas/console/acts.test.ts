/** What people do in the console, in a real browser on two replicas. */

import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { launchChromium, openPage } from '../../services/browser.ts';
import { startTwoReplicas } from '../../services/two-replicas.ts';
import { startTarget } from '../../target.ts';
import { chromium } from './chromium.ts';

type Replicas = Awaited<ReturnType<typeof startTwoReplicas>>;

describe.skipIf(chromium === null)('in the console', () => {
  let browser: Browser;
  let replicas: Replicas;
  let target: Awaited<ReturnType<typeof startTarget>>;
  beforeAll(async () => {
    browser = await launchChromium(chromium as string);
    target = await startTarget();
    replicas = await startTwoReplicas({ TARGET_DENY: 'none', AUTH: 'none', LEASE_TTL: '2s' });
  });

  const make = (task: object) => replicas.one.http.post('/tasks').send(task).expect(201);
  const taskOf = async (id: string) => (await replicas.two.http.get(`/tasks/${id}`)).body;
  /** Presses Tab until this element has the focus. */
  async function tabTo(page: Page, name: string, role: 'link' | 'button' | 'textbox'): Promise<void> {
    const wanted = page.getByRole(role, { name, exact: true }).first();
    await wanted.waitFor();
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press('Tab');
      if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    }
    throw new Error(`${name} cannot be reached by keyboard`);
  }

  test('a task is created, triggered and its run cancelled by keyboard alone', async () => {
    target.setBehaviour('/slow', () => {});
    const { page, faults } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/tasks`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await tabTo(page, 'New task', 'link');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Id', 'textbox');
    await page.keyboard.type('by-keyboard');
    await tabTo(page, 'Schedule', 'textbox');
    await page.keyboard.type('manual');
    await tabTo(page, 'URL', 'textbox');
    await page.keyboard.type(`${target.url}/slow`);
    await tabTo(page, 'Save', 'button');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'by-keyboard' }).waitFor();
    await tabTo(page, 'Trigger', 'button');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /^Run of/ }).waitFor();
    await page.getByText('running', { exact: true }).first().waitFor();
    await tabTo(page, 'Cancel', 'button');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Cancel this run', 'button');
    await page.keyboard.press('Enter');
    await page.getByText('cancelled', { exact: true }).first().waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test('two tabs on two replicas see what the other has changed', async () => {
    await make({ id: 'seen', schedule: { manual: true }, target: target.url });
    const [mine, yours] = [await openPage(browser), await openPage(browser)];
    await mine.page.goto(`${replicas.one.url}/console/tasks/seen`);
    await yours.page.goto(`${replicas.two.url}/console/tasks/seen`);
    await yours.page.getByText('Live', { exact: true }).waitFor();
    await mine.page.getByRole('button', { name: 'Stop' }).click();
    await mine.page.getByRole('button', { name: 'Stop this task' }).click();
    await yours.page.getByText('stopped', { exact: true }).first().waitFor({ timeout: 5_000 });
    await yours.page.getByRole('button', { name: 'Start' }).click();
    await yours.page.getByRole('button', { name: 'Start this task' }).click();
    await mine.page.getByText('active', { exact: true }).first().waitFor({ timeout: 5_000 });
    for (const { page, faults } of [mine, yours]) {
      expect(faults).toEqual([]);
      await page.context().close();
    }
  });

  test('a page that is paused reads nothing again until it goes on', async () => {
    await make({ id: 'paused', schedule: { manual: true }, target: target.url });
    const [still, moving] = [await openPage(browser), await openPage(browser)];
    for (const { page } of [still, moving]) {
      await page.goto(`${replicas.one.url}/console/tasks/paused`);
      await page.getByText('Live', { exact: true }).waitFor();
    }
    await still.page.getByRole('button', { name: 'Pause live updates' }).click();
    let asked = 0;
    still.page.on('request', () => asked++);
    await replicas.two.http.post('/tasks/paused/stop').send({}).expect(200);
    await moving.page.getByText('stopped', { exact: true }).first().waitFor();
    expect(asked).toBe(0);
    await still.page.getByText('active', { exact: true }).first().waitFor();
    await still.page.getByRole('button', { name: 'Resume live updates' }).click();
    await still.page.getByText('stopped', { exact: true }).first().waitFor();
    for (const { page } of [still, moving]) await page.context().close();
  });

  test('an address that is no page says so, and a task that is not there too', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/nowhere`);
    await page.getByText('There is no page at this address').waitFor();
    await page.goto(`${replicas.one.url}/console/tasks/nobody`);
    await page.getByRole('alert').getByText('Not found').waitFor();
    await page.context().close();
  });

  test('a task is edited as a form and as JSON, and a conflict shows both versions', async () => {
    await make({ id: 'edited', name: 'Before', schedule: { manual: true }, target: target.url });
    const { page } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/tasks/edited/edit`);
    await page.getByLabel('Name').fill('Mine');
    await replicas.two.http
      .patch('/tasks/edited')
      .set('content-type', 'application/merge-patch+json')
      .send({ name: 'Theirs' });
    await page.getByRole('button', { name: 'Save' }).click();
    const conflict = page.getByRole('alert', { name: 'Conflict' });
    await conflict.getByText('"Mine"').waitFor();
    await conflict.getByText('"Theirs"').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 1, name: 'Mine' }).waitFor();
    await page.goto(`${replicas.one.url}/console/tasks/edited/edit?as=json`);
    const json = page.getByLabel('The task as JSON');
    await json.fill((await json.inputValue()).replace('"Mine"', '"As JSON"'));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 1, name: 'As JSON' }).waitFor();
    await page.context().close();
  });

  test('a schedule is told in words with its next instants, and a wrong one with what is wrong', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/new`);
    await page.getByLabel('Schedule').fill('0 2 * * *');
    await page.getByLabel('Time zone').fill('Europe/Berlin');
    const preview = page.getByRole('region', { name: 'Preview' });
    await preview.getByText('Europe/Berlin').first().waitFor();
    expect(await preview.getByRole('row').count()).toBe(11);
    await page.getByLabel('Schedule').fill('0 25 * * *');
    await preview.getByRole('alert').waitFor();
    await page.context().close();
  });

  test('a task is deleted only after a question', async () => {
    await make({ id: 'doomed', schedule: { manual: true }, target: target.url });
    const { page } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/tasks/doomed`);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Keep as it is' }).click();
    expect((await taskOf('doomed')).id).toBe('doomed');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete this task' }).click();
    await page.getByRole('heading', { level: 1, name: 'Tasks' }).waitFor();
    expect((await taskOf('doomed')).status).toBe(404);
    await page.context().close();
  });

  test('filters are in the address, and the back button goes through them', async () => {
    await make({ id: 'paid', labels: { team: 'billing' }, schedule: { manual: true }, target: target.url });
    const { page } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/tasks`);
    await page.getByLabel('Status').selectOption('stopped');
    await page.waitForURL(/status=stopped/);
    await page.getByLabel('Status').selectOption('active');
    await page.waitForURL(/status=active/);
    await page.getByLabel('Search').fill('paid');
    await page.waitForURL(/q=paid/);
    await page.getByText('1 task', { exact: true }).waitFor();
    await page.goBack();
    await page.waitForURL(/status=stopped/);
    await page.context().close();
  });

  test('all tasks that match are stopped at once, after their number was named', async () => {
    for (const id of ['many-1', 'many-2', 'many-3'])
      await make({ id, labels: { group: 'many' }, schedule: { manual: true }, target: target.url });
    const { page } = await openPage(browser);
    await page.goto(`${replicas.one.url}/console/tasks?label=group:many`);
    await page.getByText('3 tasks', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Change all that match' }).click();
    await page.getByText('3 tasks match').waitFor();
    await page.getByLabel('Do this with all of them').selectOption('stop');
    await page.getByRole('button', { name: 'Stop 3 tasks' }).click();
    await page.getByText('3 of 3 done.').waitFor();
    for (const id of ['many-1', 'many-2', 'many-3']) expect((await taskOf(id)).status).toBe('stopped');
    await page.context().close();
  });

  test('a page recovers by itself from the death of the replica that it listens to', async () => {
    await make({ id: 'survivor', schedule: { manual: true }, target: target.url });
    const { page } = await openPage(browser);
    // As a balancer would: every request goes to a replica that lives.
    let isDead = false;
    await page.route('**/*', async (route) => {
      const url = new URL(route.request().url());
      const to = isDead ? replicas.two.url : replicas.one.url;
      if (url.pathname.endsWith('/stream')) return isDead ? route.abort() : route.continue();
      const answer = await route.fetch({ url: to + url.pathname + url.search }).catch(() => null);
      return answer === null ? route.abort() : route.fulfill({ response: answer });
    });
    await page.goto(`${replicas.one.url}/console/tasks/survivor`);
    await page.getByText('Live', { exact: true }).waitFor();
    replicas.one.kill('SIGKILL');
    isDead = true;
    await page.getByText('Polling', { exact: true }).waitFor();
    await replicas.two.http.post('/tasks/survivor/stop').send({}).expect(200);
    await page.getByText('stopped', { exact: true }).first().waitFor({ timeout: 15_000 });
    await poll(async () => (await page.getByRole('button', { name: 'Start' }).count()) === 1, {
      what: 'Start to show',
    });
    await page.context().close();
  });
});
