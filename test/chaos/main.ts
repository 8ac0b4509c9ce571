/**
 * The command line of the chaos suite: runs plans, judges them, writes reports, and ends with 1 where a promise was
 * broken.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPackages, mayInstallPackages } from '../services/apt.ts';
import { findPostgres, findRedis, pathFolders, postgresFolders } from '../services/find-binaries.ts';
import { check } from './checker.ts';
import type { Tools } from './cluster/cluster.ts';
import { runDefects } from './defects/run-defects.ts';
import { longPace, type Pace, type Plan, paceOf, shortPace } from './plan.ts';
import { namedPlan, randomPlan, shortPlans, sketches } from './plans.ts';
import { type Report, reportOf } from './report.ts';
import { runPlan } from './run.ts';
import { tableOf } from './table.ts';
import { drawTimeline } from './timeline.ts';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const say = (line: string) => void process.stdout.write(`${line}\n`);

const usage = `npm run chaos -- [--plan <name>[,<name>…] | all | short | random] [--seed N] [--times N] [--seconds N | --long] [--report <folder>]
npm run chaos -- --defects [--plan <defect>[,<defect>…]]
  plans: ${Object.keys(sketches).join(' ')}`;

async function findTools(): Promise<Tools> {
  const look = async () => ({
    postgresBinaries: await findPostgres([...pathFolders(), ...(await postgresFolders())]),
    redisProgram: await findRedis(pathFolders()),
  });
  let found = await look();
  if (!(found.postgresBinaries && found.redisProgram) && (await mayInstallPackages())) {
    await installPackages(['postgresql', 'redis-server', 'libfaketime']);
    found = await look();
  }
  const { postgresBinaries, redisProgram } = found;
  if (!postgresBinaries || !redisProgram)
    throw new Error('the chaos suite needs the programs of Postgres and Redis on this machine');
  return { program, postgresBinaries, redisProgram };
}

function plansOf(names: string, seed: number, times: number, pace: Pace): Plan[] {
  const plans: Plan[] = [];
  for (let time = 0; time < times; time++) {
    const own = seed + time;
    if (names === 'random') plans.push(randomPlan(own, pace));
    else {
      const list = names === 'all' ? Object.keys(sketches) : names === 'short' ? shortPlans : names.split(',');
      for (const name of list) {
        const plan = namedPlan(name, own, pace);
        if (plan === null) throw new Error(`there is no plan "${name}"\n${usage}`);
        plans.push(plan);
      }
    }
  }
  return plans;
}

/** Runs one plan and writes its report; a run that could not be made counts as broken. */
async function runOne(plan: Plan, tools: Tools, folder: string): Promise<Report> {
  say(`\n${plan.name} (seed ${plan.seed})`);
  const history = await runPlan(plan, tools, (line) => say(`  ${line}`));
  const verdicts = check(history);
  const report = reportOf(history, verdicts);
  const base = join(folder, `${plan.name}-${plan.seed}`);
  await writeFile(`${base}.json`, JSON.stringify(report, null, 1));
  await writeFile(`${base}.history.json`, JSON.stringify(history));
  await writeFile(`${base}.svg`, drawTimeline(history, verdicts));
  for (const note of history.notes) say(`  note: ${note}`);
  for (const { kind, detail } of verdicts.slice(0, 12)) say(`  BROKEN ${kind}: ${detail}`);
  if (verdicts.length > 12) say(`  … and ${verdicts.length - 12} more`);
  say(`  ${report.summary}`);
  return report;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      plan: { type: 'string', default: 'short' },
      seed: { type: 'string', default: '1' },
      times: { type: 'string', default: '1' },
      seconds: { type: 'string' },
      long: { type: 'boolean', default: false },
      report: { type: 'string', default: 'chaos-report' },
      defects: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(usage);
    return 0;
  }
  const pace = values.long ? longPace : values.seconds ? paceOf(Number(values.seconds)) : shortPace;
  await mkdir(values.report, { recursive: true });
  const tools = await findTools();
  if (values.defects) {
    const names = values.plan === 'short' ? [] : values.plan.split(',');
    const results = await runDefects(names, tools, Number(values.seed), pace, say);
    await writeFile(join(values.report, 'defects.json'), JSON.stringify(results, null, 1));
    const missed = results.filter(({ caught }) => caught === false);
    say(`\n${results.filter(({ caught }) => caught).length} defects caught, ${missed.length} not`);
    return missed.length > 0 ? 1 : 0;
  }
  const reports: Report[] = [];
  for (const plan of plansOf(values.plan, Number(values.seed), Number(values.times), pace))
    reports.push(await runOne(plan, tools, values.report));
  await writeFile(
    join(values.report, 'summary.json'),
    JSON.stringify(
      reports.map(({ plan, verdicts, ...rest }) => ({
        plan: plan.name,
        seed: plan.seed,
        broken: verdicts.length,
        ...rest,
      })),
      null,
      1,
    ),
  );
  await writeFile(join(values.report, 'summary.md'), tableOf(reports));
  const broken = reports.filter(({ verdicts }) => verdicts.length > 0);
  say(
    `\n${reports.length - broken.length} plans kept every promise, ${broken.length} did not${broken.map(({ plan }) => ` · ${plan.name} --seed ${plan.seed}`).join('')}`,
  );
  return broken.length > 0 ? 1 : 0;
}

// What a fault left half open must not keep the command from ending.
process.exit(await main());
