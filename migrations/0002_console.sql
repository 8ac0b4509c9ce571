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

CREATE TABLE stats_state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  counted_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  events_seen pg_snapshot NOT NULL,
  pass bigint NOT NULL DEFAULT 0,
  passed_at timestamptz(3) NOT NULL DEFAULT 'epoch',
  copied_pass bigint NOT NULL DEFAULT 0
);

CREATE TABLE stats_open_runs (
  run_id uuid PRIMARY KEY
);

CREATE TABLE stats_open_misses (
  event_id bigint PRIMARY KEY
);

CREATE TABLE stats_minutes (
  namespace text COLLATE "C" NOT NULL,
  at timestamptz(3) NOT NULL,
  task_uid bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  pass bigint NOT NULL,
  runs bigint NOT NULL,
  lateness bigint[],
  duration bigint[]
);

CREATE INDEX stats_minutes_tasks ON stats_minutes (namespace, at) WHERE task_uid <> 0;

CREATE INDEX stats_minutes_totals ON stats_minutes (namespace, at) WHERE task_uid = 0;

CREATE INDEX stats_minutes_pass ON stats_minutes (pass);

CREATE TABLE stats_hours (
  namespace text COLLATE "C" NOT NULL,
  at timestamptz(3) NOT NULL,
  task_uid bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  runs bigint NOT NULL,
  lateness bigint[],
  duration bigint[],
  CONSTRAINT stats_hours_namespace_at_task_uid_status_pk PRIMARY KEY (namespace, at, task_uid, status)
) WITH (fillfactor = 70);

CREATE INDEX stats_hours_totals ON stats_hours (namespace, at) WHERE task_uid = 0;

CREATE INDEX stats_hours_at ON stats_hours USING brin (at);

CREATE TABLE stats_tasks (
  uid bigint PRIMARY KEY,
  namespace text COLLATE "C" NOT NULL,
  id text NOT NULL,
  labels jsonb NOT NULL,
  forgotten_at timestamptz(3) NOT NULL DEFAULT now()
);

-- One statement, so that each miss is either open here or new since the snapshot.
WITH begun AS (
  INSERT INTO stats_state (events_seen) VALUES (pg_current_snapshot())
)
INSERT INTO stats_open_misses SELECT id FROM events WHERE type = 'missed';

-- The roll-up counts runs by key range, 20 seconds behind. Runs that are inserted later than that have to be told.
CREATE FUNCTION note_late_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stats_open_runs (run_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END;
$$;

CREATE TRIGGER runs_late AFTER INSERT ON runs FOR EACH ROW
  WHEN (NEW.scheduled_for < clock_timestamp() - interval '10 seconds') EXECUTE FUNCTION note_late_run();

-- Bulk changes: one row each, and a row for each task that is left to do.
CREATE TABLE bulks (
  id uuid PRIMARY KEY,
  namespace text COLLATE "C" NOT NULL,
  action text NOT NULL,
  selection jsonb NOT NULL,
  labels jsonb,
  actor text NOT NULL,
  via text NOT NULL,
  address text,
  request_id text,
  total integer NOT NULL,
  unchanged integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  errors jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  finished_at timestamptz(3),
  -- Until then a replica works on it.
  claimed_until timestamptz(3) NOT NULL DEFAULT now()
);

CREATE INDEX bulks_open ON bulks (claimed_until) WHERE finished_at IS NULL;

CREATE INDEX bulks_finished ON bulks (finished_at);

CREATE TABLE bulk_tasks (
  bulk uuid NOT NULL,
  task_uid bigint NOT NULL,
  CONSTRAINT bulk_tasks_bulk_task_uid_pk PRIMARY KEY (bulk, task_uid)
);
