/** The alert rules, judged by Prometheus' own tool. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { findPromtool } from '../../services/promtool.ts';
import { textOf } from './read.ts';

const run = promisify(execFile);
const alerts = fileURLToPath(new URL('../../../deploy/alerts.yml', import.meta.url));
const promtool = await findPromtool();

/** What promtool says of these rules in the cases of `alerts.promtool.yml`. */
async function judge(rules: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'alerts-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'rules.yml'), rules);
  const cases = textOf('test/integration/deploy/alerts.promtool.yml').replace('ALERTS', join(folder, 'rules.yml'));
  await writeFile(join(folder, 'cases.yml'), cases);
  return run(promtool as string, ['test', 'rules', join(folder, 'cases.yml')]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}

test.skipIf(promtool === null)('promtool accepts the rules', { timeout: 600_000 }, async () => {
  await expect(run(promtool as string, ['check', 'rules', alerts])).resolves.toBeDefined();
});

test.skipIf(promtool === null)('they tell what they are meant to tell, and nothing else', async () => {
  expect(await judge(textOf('deploy/alerts.yml'))).toContain('SUCCESS');
});

test.skipIf(promtool === null)('the cases would notice rules that only look at increases', async () => {
  const naive = textOf('deploy/alerts.yml').replaceAll(/\(task_executions_total[^\n]*\n[^\n]*offset 30m\)\s+or /g, '');
  expect(naive).not.toBe(textOf('deploy/alerts.yml'));
  expect(await judge(naive)).toContain('FAILED');
});
