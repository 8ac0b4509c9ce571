/** What a replica is started with, and what is done with one that runs. */

import type { Clock } from '../clock.ts';
import type { ExecutorKind } from '../executors/kind.ts';
import type { Logger } from '../observability/log.ts';
import type { Settings } from '../settings/settings.ts';
import type { Secrets } from './secrets.ts';

export type ServiceOptions = {
  settings: Settings;
  secrets: Secrets;
  clock: Clock;
  log: Logger;
  version: string;
  /** The version of the time zone data; null where it is not known. */
  tz: string | null;
  /** Called when this process cannot recover by itself and should end. */
  onFatal: (reason: string) => void;
  /** Kinds of target besides HTTP; none when absent. */
  otherKinds?: readonly ExecutorKind[];
};

/** A running replica. */
export type Service = {
  /** Where it listens. */
  url: string;
  /** Ends it in phases, letting running attempts finish within the grace of the settings. Never rejects. */
  stop(): Promise<void>;
};
