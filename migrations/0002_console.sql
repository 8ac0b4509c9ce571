-- What the console and its API need: logs of runs, the roll-up behind GET /stats, bulk changes.

CREATE TABLE unconfirmed_misses (
  event_id bigint PRIMARY KEY,
  ran integer NOT NULL
);

-- Logs of runs. A run without a log has no row in either table.
CREATE TABLE run_logs (
  run uuid PRIMARY KEY,
  -- All bytes that were taken, and how many of the last ones may be the beginning of a secret.
  bytes bigint NOT NULL,
  held integer NOT NULL,
  -- The bytes from here to there were dropped, in the middle of a long log.
  dropped_from bigint NOT NULL,
  dropped_to bigint NOT NULL
);

CREATE TABLE run_log (
  run uuid NOT NULL,
  attempt smallint NOT NULL,
  "offset" bigint NOT NULL,
  bytes bytea NOT NULL,
  CONSTRAINT run_log_run_offset_pk PRIMARY KEY (run, "offset")
);
