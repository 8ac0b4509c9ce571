/** Finds or fetches promtool, which checks alert rules. */

import { installPackages, mayInstallPackages } from './apt.ts';
import { findProgram, pathFolders } from './find-binaries.ts';

/**
 * The path of promtool, from Debian's package where this machine has none. Null where there is no way to it; a failure
 * under `REQUIRE_SERVICES=1`.
 */
export async function findPromtool(): Promise<string | null> {
  const find = () => findProgram('promtool', pathFolders());
  const found = await find();
  if (found !== null) return found;
  if (await mayInstallPackages()) await installPackages(['prometheus']).catch(() => {});
  const path = await find();
  if (path === null && process.env.REQUIRE_SERVICES === '1') throw new Error('REQUIRE_SERVICES=1, but no promtool');
  return path;
}
