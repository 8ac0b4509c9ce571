-- All tables of Punctual. Written by hand after what drizzle-kit makes of src/store/schema.ts, which explains each
-- column, and compared with it by a test. Until the first release this file is edited, and its instant in
-- meta/_journal.json with it; from then on it never changes again, and every change is a migration of its own.

---------------------------------------------------------------------------------------------------------------- Types

CREATE TYPE task_status AS ENUM ('active', 'stopped', 'completed');

CREATE TYPE run_status AS ENUM (
  'pending', 'running', 'retrying', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'lost'
);

CREATE TYPE run_trigger AS ENUM ('schedule', 'manual', 'catch_up', 'retry');

CREATE TYPE overlap AS ENUM ('skip', 'queue', 'allow', 'replace');

CREATE TYPE error_kind AS ENUM ('timeout', 'unavailable', 'rejected', 'internal', 'cancelled', 'lost');

---------------------------------------------------------------------------------------------------------------- Tasks

CREATE TABLE tasks (
  uid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace text NOT NULL DEFAULT 'default',
  -- Ids are compared byte by byte: the same order on every server, and in every cursor.
  id text COLLATE "C" NOT NULL,
  name text NOT NULL,
  description text,
  labels jsonb NOT NULL,
  schedule jsonb NOT NULL,
  target jsonb NOT NULL,
  timeout_ms bigint NOT NULL,
  retry jsonb NOT NULL,
  overlap overlap NOT NULL,
  misfire jsonb NOT NULL,
  starts_at timestamptz(3),
  ends_at timestamptz(3),
  max_runs integer,
  jitter_ms bigint,
  priority smallint NOT NULL,
  policies jsonb,
  limit_group uuid,
  status task_status NOT NULL,
  version integer NOT NULL DEFAULT 1,
  schedule_version integer NOT NULL DEFAULT 1,
  active_from timestamptz(3) NOT NULL,
  claimed integer NOT NULL DEFAULT 0,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  deleted_at timestamptz(3),
  changed_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- An id is free again once its task is deleted.
CREATE UNIQUE INDEX tasks_id ON tasks (namespace, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_tombstones ON tasks (namespace, id) WHERE deleted_at IS NOT NULL;
-- For the change feed, and for lists by label.
CREATE INDEX tasks_changed_in ON tasks (changed_in);
CREATE INDEX tasks_labels ON tasks USING gin (labels jsonb_path_ops);

-- What happened, written in the transaction in which it happened: the log of each task, and the outbox that subscribers
-- read. The subject is a task, or one of its runs. Events of runs are for subscribers alone, and stay until all have
-- read them.
CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace text NOT NULL DEFAULT 'default',
  task_uid bigint NOT NULL,
  run_id uuid,
  type text NOT NULL,
  at timestamptz(3) NOT NULL,
  actor text NOT NULL,
  request_id text,
  data jsonb,
  written_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE INDEX events_task ON events (task_uid, id);
CREATE INDEX events_written_in ON events (written_in);
CREATE INDEX events_of_runs ON events (id) WHERE run_id IS NOT NULL;

-- How far each subscriber has read: all events of transactions that `seen` shows. Where there were more than fit into one
-- page, `reading` is the snapshot that is being read, and `read_id` the last event of it so far.
CREATE TABLE subscriptions (
  name text PRIMARY KEY,
  seen pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
  reading pg_snapshot,
  read_id bigint NOT NULL DEFAULT 0
);

CREATE TABLE template_trials (
  task_uid bigint NOT NULL,
  process uuid NOT NULL,
  definition text NOT NULL,
  at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT template_trials_task_uid_process_pk PRIMARY KEY (task_uid, process)
);

----------------------------------------------------------------------------------------------------------------- Runs

CREATE TABLE runs (
  -- Keeps an occurrence from being fired twice: its id follows from the task and the instant.
  id uuid PRIMARY KEY,
  task_uid bigint NOT NULL,
  trigger run_trigger NOT NULL,
  status run_status NOT NULL,
  scheduled_for timestamptz(3) NOT NULL,
  due_at timestamptz(3) NOT NULL,
  effective_due_at timestamptz(3) NOT NULL,
  overlap_slot smallint,
  owner uuid,
  attempt smallint NOT NULL,
  max_attempts smallint NOT NULL,
  created_at timestamptz(3) NOT NULL,
  started_at timestamptz(3),
  finished_at timestamptz(3),
  http_status smallint,
  detail jsonb,
  output text,
  truncated boolean,
  error_kind error_kind,
  error_message text,
  reason text,
  origin jsonb,
  input text,
  attempts jsonb,
  cancel_requested boolean NOT NULL DEFAULT false,
  limit_group uuid,
  check_due timestamptz(3),
  heartbeat_due timestamptz(3),
  progress jsonb,
  hooked boolean
) WITH (
  -- Room on each page, so that a run's outcome finds place beside the run.
  fillfactor = 70,
  -- Many rows come and change in a short time: clean up and count them anew sooner than by default.
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);

CREATE INDEX runs_task ON runs (task_uid, id);

-- For the loops that look for work.
CREATE INDEX runs_live ON runs (status, effective_due_at) WHERE status IN ('pending', 'running', 'retrying');
CREATE INDEX runs_check ON runs (check_due) WHERE check_due IS NOT NULL;
CREATE INDEX runs_heartbeat ON runs (heartbeat_due) WHERE heartbeat_due IS NOT NULL;

-- Overlap: at most one run occupies a task (0), and at most one is queued behind it (1).
CREATE UNIQUE INDEX runs_overlap_slot ON runs (task_uid, overlap_slot) WHERE overlap_slot < 2;
CREATE INDEX runs_line ON runs (task_uid, effective_due_at) WHERE overlap_slot > 0;

-- Limits: the next run of each group of runs with the same limits.
CREATE INDEX runs_limits ON runs (limit_group, effective_due_at)
  WHERE limit_group IS NOT NULL AND status IN ('pending', 'retrying');
-- How many runs of each group are running.
CREATE INDEX runs_limits_running ON runs (limit_group)
  WHERE limit_group IS NOT NULL AND status = 'running';

-- For lists of what is rare, of all tasks or of one. Runs that were scheduled and succeeded are in none of them.
CREATE INDEX runs_ended ON runs (status, id)
  WHERE status IN ('failed', 'timed_out', 'cancelled', 'lost', 'skipped');
CREATE INDEX runs_task_ended ON runs (task_uid, status, id)
  WHERE status IN ('failed', 'timed_out', 'cancelled', 'lost', 'skipped');
CREATE INDEX runs_unscheduled ON runs (trigger, id)
  WHERE trigger IN ('manual', 'catch_up', 'retry');
CREATE INDEX runs_task_unscheduled ON runs (task_uid, trigger, id)
  WHERE trigger IN ('manual', 'catch_up', 'retry');

-- The limit keys that the running runs of each group count for.
CREATE TABLE limit_keys (
  limit_group uuid NOT NULL,
  namespace text NOT NULL DEFAULT 'default',
  key text NOT NULL,
  CONSTRAINT limit_keys_limit_group_namespace_key_pk PRIMARY KEY (limit_group, namespace, key)
);

-- The starts that rates go by.
CREATE TABLE limits (
  namespace text NOT NULL DEFAULT 'default',
  key text NOT NULL,
  starts bigint[] NOT NULL DEFAULT '{}',
  used_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT limits_namespace_key_pk PRIMARY KEY (namespace, key)
);

CREATE TABLE deliveries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  event_id bigint,
  task_uid bigint NOT NULL,
  run_id uuid,
  hook text NOT NULL,
  data jsonb,
  attempt smallint NOT NULL DEFAULT 0,
  due_at timestamptz(3) NOT NULL,
  created_at timestamptz(3) NOT NULL
);

CREATE INDEX deliveries_due ON deliveries (due_at);
CREATE UNIQUE INDEX deliveries_event ON deliveries (event_id, hook);

-------------------------------------------------------------------------------------------------------------- Cluster

CREATE TABLE cluster (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- Always true and unique: the table has one row.
  singleton boolean NOT NULL DEFAULT true,
  watermark timestamptz(3) NOT NULL,
  swept_by uuid,
  secret text NOT NULL DEFAULT gen_random_uuid()::text || gen_random_uuid()::text,
  CONSTRAINT cluster_singleton_unique UNIQUE (singleton)
);

CREATE TABLE replicas (
  id uuid PRIMARY KEY,
  version text NOT NULL,
  tz text,
  host text NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz(3) NOT NULL,
  heartbeat_at timestamptz(3) NOT NULL,
  lease_until timestamptz(3) NOT NULL,
  running integer NOT NULL,
  tasks_loaded integer NOT NULL,
  firing boolean NOT NULL DEFAULT false,
  breakers jsonb NOT NULL DEFAULT '[]'
);

CREATE TABLE idempotency_keys (
  namespace text NOT NULL DEFAULT 'default',
  scope text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  answer json NOT NULL,
  created_at timestamptz(3) NOT NULL,
  CONSTRAINT idempotency_keys_namespace_scope_key_pk PRIMARY KEY (namespace, scope, key)
);

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-------------------------------------------------------------------------------------------------------- State machines

-- The steps that a run may take: the same table as `runSteps` in src/domain/run/run.ts.
CREATE FUNCTION run_step_allowed(before run_status, after run_status) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE before
    WHEN 'pending' THEN after IN ('running', 'cancelled', 'skipped')
    WHEN 'running' THEN after IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'retrying')
    WHEN 'retrying' THEN after IN ('running', 'cancelled')
    ELSE false
  END
$$;

-- The steps that a task may take: the same table as `taskSteps` in src/domain/task/states.ts.
CREATE FUNCTION task_step_allowed(before task_status, after task_status) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE before
    WHEN 'active' THEN after IN ('stopped', 'completed')
    WHEN 'stopped' THEN after = 'active'
    WHEN 'completed' THEN after = 'active'
    ELSE false
  END
$$;

CREATE FUNCTION refuse_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% % cannot go from % to %', TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;

CREATE TRIGGER runs_steps BEFORE UPDATE OF status ON runs FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT run_step_allowed(OLD.status, NEW.status))
  EXECUTE FUNCTION refuse_step();

CREATE TRIGGER tasks_steps BEFORE UPDATE OF status ON tasks FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT task_step_allowed(OLD.status, NEW.status))
  EXECUTE FUNCTION refuse_step();

---------------------------------------------------------------------------------------------------------------- Hooks

-- However a run ends (by its attempt, by its target's own call, taken from a dead replica), an event is written in the
-- same transaction, where a hook listens for that. Runs of tasks without hooks pay for one condition.
CREATE FUNCTION note_end_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  hooks jsonb;
  space text;
  heard text[] := '{}';
BEGIN
  SELECT policies -> 'hooks', namespace INTO hooks, space FROM tasks WHERE uid = NEW.task_uid;
  IF NEW.status = 'succeeded' THEN
    IF hooks ? 'onSuccess' THEN heard := heard || 'onSuccess'::text; END IF;
    IF hooks ? 'onRecovery' AND 'succeeded' <> (
      SELECT status FROM runs
      WHERE task_uid = NEW.task_uid AND id < NEW.id AND status IN ('succeeded', 'failed', 'timed_out', 'lost')
      ORDER BY id DESC LIMIT 1
    ) THEN heard := heard || 'onRecovery'::text; END IF;
  ELSIF hooks ? 'onFailure' THEN heard := heard || 'onFailure'::text;
  END IF;
  IF heard <> '{}' THEN
    INSERT INTO events (namespace, task_uid, run_id, type, at, actor, data)
      VALUES (space, NEW.task_uid, NEW.id, 'run_ended', clock_timestamp(), 'scheduler',
        jsonb_build_object('status', NEW.status, 'hooks', heard));
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER runs_hooks AFTER UPDATE OF status ON runs FOR EACH ROW
  WHEN (
    NEW.hooked AND OLD.status IS DISTINCT FROM NEW.status
    AND NEW.status IN ('succeeded', 'failed', 'timed_out', 'lost')
  )
  EXECUTE FUNCTION note_end_of_run();
