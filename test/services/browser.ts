/** A real Chromium for tests of the console: found on this machine, or fetched by apt. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { installPackages, mayInstallPackages } from './apt.ts';
import { atFileEnd } from './file-end.ts';
import { findProgram, pathFolders } from './find-binaries.ts';

const require = createRequire(import.meta.url);

/** The path of Chromium; null where there is none and none can be fetched, which is said aloud. */
export async function findChromium(): Promise<string | null> {
  const find = async () =>
    (await findProgram('chromium', pathFolders())) ?? (await findProgram('google-chrome', pathFolders()));
  const found = await find();
  if (found !== null) return found;
  if (await mayInstallPackages()) await installPackages(['chromium']).catch(() => {});
  const installed = await find();
  if (installed === null) process.stderr.write('\nNO TESTS OF THE CONSOLE: there is no Chromium on this machine\n');
  return installed;
}

export async function launchChromium(executablePath: string): Promise<Browser> {
  // Tests may run as root in a container, where Chromium cannot make a sandbox of its own.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  atFileEnd(() => browser.close());
  return browser;
}

/** A page, and the faults that it reports: errors of its scripts, of the console and of the content security policy. */
export type WatchedPage = { page: Page; faults: string[] };

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`${page.url()}: ${message.text()}`);
  });
  return { page, faults };
}

type AxeViolation = { id: string; nodes: { html: string; failureSummary: string }[] };

/** What axe finds in the page, a line each. */
export async function axeFindings(page: Page): Promise<string[]> {
  const source = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
  // By the protocol and not by a script element, which the content security policy refuses.
  await page.evaluate(source);
  const { violations } = await page.evaluate<{ violations: AxeViolation[] }>('axe.run()');
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}
