/**
 * Ends the output of a test run with what was skipped for want of a service, and the plain line `N passed, N failed`.
 */

import type { Reporter, TestModule, Vitest } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  #missing: () => string[] = () => [];

  onInit(vitest: Vitest): void {
    this.#missing = () => {
      const { postgres, redis } = vitest.getRootProject().getProvidedContext();
      const lines: string[] = [];
      if (redis?.kind === 'none') lines.push(`SKIPPED: every test that needs Redis. There is none: ${redis.reason}`);
      if (postgres?.kind === 'embedded') {
        lines.push(
          `NOT TESTED: a real Postgres; the embedded store stood in for it. There is none: ${postgres.reason}`,
        );
      }
      return lines;
    };
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'failed') failedTests++;
        if (state !== 'pending') count[state]++;
      }
      // A file that cannot be loaded, or a hook that failed, has no test to blame.
      if (module.state() === 'failed' && failedTests === 0) count.failed++;
    }
    // The set-up failed; vitest reports why after this.
    if (modules.length === 0) count.failed = Math.max(count.failed, 1);
    for (const line of this.#missing()) process.stdout.write(`\n*** ${line} ***\n`);
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`);
  }
}
