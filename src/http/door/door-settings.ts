/** The settings of the door, named as in the table of all settings. */

import type { AllowedHost } from '../origin/own-hosts.ts';

export type DoorSettings = {
  /** The address or name to listen on. */
  host: string;
  allowedHosts: readonly AllowedHost[];
  corsOrigins: readonly string[];
  /** Where browsers reach the service; null where that is not said. */
  publicUrl: string | null;
  /** '' or a path without a slash at its end. */
  basePath: string;
  /** Whether only this machine can reach a host of this name or address. */
  isLoopback: (host: string) => boolean;
  /** How many requests are worked on at once; more are refused. */
  maxRequests: number;
  /** How many streams and polls of workers may be open at once; more are refused. */
  maxOpenPolls: number;
  /** No credentials are asked for, and every caller is owner. */
  open: boolean;
  keepAliveTimeoutMs: number;
};
