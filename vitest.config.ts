import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** The tiers of the tests, quickest first; CONTRIBUTING.md says what belongs into which. */
export default defineConfig({
  test: {
    globalSetup: 'test/services/global-setup.ts',
    reporters: ['default', './test/services/summary-reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Starting Postgres apart, everything is torn down by its guard; do not wait long for what hangs.
    teardownTimeout: 20_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,architecture}/**/*.test.ts'],
          // Nothing keeps state in a module: files can share what they import, which halves the time.
          isolate: false,
          testTimeout: 60_000,
        },
      },
      // Nothing of it keeps state in a module, as in the tier above.
      withServices('integration', 1, 4, false),
      withServices('replicas', 2, 4),
      // By itself, after everything else: it judges how late runs are.
      withServices('chaos', 3, 1),
    ],
  },
});

/** Most tests with services wait for them: more files at once than cores do not disturb each other. */
function withServices(
  name: string,
  groupOrder: number,
  maxWorkers: number,
  isolate = true,
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      sequence: { groupOrder },
      maxWorkers,
      isolate,
      // The build is loaded by Node itself, as it is when the program runs.
      server: { deps: { external: [/\/dist\//] } },
      setupFiles: 'test/services/file-hooks.ts',
      testTimeout: 30_000,
      hookTimeout: 60_000,
    },
  };
}
