-- The schema that the migrations make, for reading and for reviews. Nothing applies this file.
-- Written by: npm run schema. The tests compare it with a migrated database.

CREATE TYPE error_kind AS ENUM (
  'timeout',
  'unavailable',
  'rejected',
  'internal',
  'cancelled',
  'lost'
);

CREATE TYPE overlap AS ENUM (
  'skip',
  'queue',
  'allow',
  'replace'
);

CREATE TYPE run_status AS ENUM (
  'pending',
  'running',
  'retrying',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'lost'
);

CREATE TYPE run_trigger AS ENUM (
  'schedule',
  'manual',
  'catch_up',
  'retry'
);

CREATE TYPE task_status AS ENUM (
  'active',
  'stopped',
  'completed'
);

CREATE OR REPLACE FUNCTION note_changes()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  INSERT INTO audit (namespace, at, type, subject, actor, via, address, request_id, data)
  SELECT e.namespace, e.at,
    CASE
      WHEN e.type = 'run_cancelled' THEN 'run.cancelled'
      WHEN e.type = 'triggered' AND e.data ->> 'trigger' = 'retry' THEN 'run.retried'
      ELSE 'task.' || e.type
    END,
    'task:' || t.id, e.actor, e.via, e.address, e.request_id, e.data
  FROM added e JOIN tasks t ON t.uid = e.task_uid
  WHERE e.via IS NOT NULL;
  RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION note_end_of_run()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION note_late_run()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  INSERT INTO stats_open_runs (run_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION refuse_step()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% % cannot go from % to %', TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$function$;

CREATE OR REPLACE FUNCTION run_step_allowed(before run_status, after run_status)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT CASE before
    WHEN 'pending' THEN after IN ('running', 'cancelled', 'skipped')
    WHEN 'running' THEN after IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'retrying')
    WHEN 'retrying' THEN after IN ('running', 'cancelled')
    ELSE false
  END
$function$;

CREATE OR REPLACE FUNCTION task_step_allowed(before task_status, after task_status)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT CASE before
    WHEN 'active' THEN after IN ('stopped', 'completed')
    WHEN 'stopped' THEN after = 'active'
    WHEN 'completed' THEN after = 'active'
    ELSE false
  END
$function$;

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  type text COLLATE "C" NOT NULL,
  subject text COLLATE "C",
  actor text COLLATE "C" NOT NULL,
  via text NOT NULL,
  address text,
  request_id text,
  data jsonb,
  CONSTRAINT audit_at_id_pk PRIMARY KEY (at, id)
);
CREATE INDEX audit_actor ON audit USING btree (actor, namespace, type, at, id);
CREATE INDEX audit_namespace ON audit USING btree (namespace, type, at, id);
CREATE INDEX audit_subject ON audit USING btree (subject, namespace, type, at, id, actor);

CREATE TABLE bindings (
  id uuid NOT NULL,
  subject text NOT NULL,
  role text NOT NULL,
  namespace text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  created_by text NOT NULL,
  CONSTRAINT bindings_pkey PRIMARY KEY (id),
  CONSTRAINT bindings_subject UNIQUE (subject, namespace, role)
);

CREATE TABLE bulk_tasks (
  bulk uuid NOT NULL,
  task_uid bigint NOT NULL,
  CONSTRAINT bulk_tasks_bulk_task_uid_pk PRIMARY KEY (bulk, task_uid)
);

CREATE TABLE bulks (
  id uuid NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  action text NOT NULL,
  selection jsonb NOT NULL,
  labels jsonb,
  actor text NOT NULL,
  via text NOT NULL,
  address text,
  request_id text,
  total integer NOT NULL,
  unchanged integer DEFAULT 0 NOT NULL,
  failed integer DEFAULT 0 NOT NULL,
  errors jsonb DEFAULT '[]'::jsonb NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  finished_at timestamp(3) with time zone,
  claimed_until timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT bulks_pkey PRIMARY KEY (id)
);
CREATE INDEX bulks_finished ON bulks USING btree (finished_at);
CREATE INDEX bulks_open ON bulks USING btree (claimed_until) WHERE (finished_at IS NULL);

CREATE TABLE cluster (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  singleton boolean DEFAULT true NOT NULL,
  watermark timestamp(3) with time zone NOT NULL,
  swept_by uuid,
  secret text DEFAULT ((gen_random_uuid())::text || (gen_random_uuid())::text) NOT NULL,
  CONSTRAINT cluster_pkey PRIMARY KEY (id),
  CONSTRAINT cluster_singleton_unique UNIQUE (singleton)
);

CREATE TABLE creations (
  namespace text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  tasks integer NOT NULL,
  CONSTRAINT creations_namespace_at_pk PRIMARY KEY (namespace, at)
);

CREATE TABLE deliveries (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  event_id bigint,
  task_uid bigint NOT NULL,
  run_id uuid,
  hook text NOT NULL,
  data jsonb,
  attempt smallint DEFAULT 0 NOT NULL,
  due_at timestamp(3) with time zone NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT deliveries_pkey PRIMARY KEY (id)
);
CREATE INDEX deliveries_due ON deliveries USING btree (due_at);
CREATE UNIQUE INDEX deliveries_event ON deliveries USING btree (event_id, hook);

CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  namespace text DEFAULT 'default'::text NOT NULL,
  task_uid bigint NOT NULL,
  run_id uuid,
  type text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  actor text NOT NULL,
  request_id text,
  data jsonb,
  written_in xid8 DEFAULT pg_current_xact_id() NOT NULL,
  via text,
  address text,
  CONSTRAINT events_pkey PRIMARY KEY (id)
);
CREATE INDEX events_of_runs ON events USING btree (id) WHERE (run_id IS NOT NULL);
CREATE INDEX events_task ON events USING btree (task_uid, id);
CREATE INDEX events_written_in ON events USING btree (written_in);
CREATE TRIGGER events_note_changes AFTER INSERT ON events REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_changes();

CREATE TABLE idempotency_keys (
  namespace text DEFAULT 'default'::text NOT NULL,
  scope text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  answer json NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT idempotency_keys_namespace_scope_key_pk PRIMARY KEY (namespace, scope, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys USING btree (created_at);

CREATE TABLE keys (
  id uuid NOT NULL,
  name text NOT NULL,
  role text NOT NULL,
  namespace text NOT NULL,
  hash text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  created_by text NOT NULL,
  expires_at timestamp(3) with time zone,
  last_used_at timestamp(3) with time zone,
  CONSTRAINT keys_hash UNIQUE (hash),
  CONSTRAINT keys_name UNIQUE (namespace, name),
  CONSTRAINT keys_pkey PRIMARY KEY (id)
);

CREATE TABLE limit_keys (
  limit_group uuid NOT NULL,
  namespace text DEFAULT 'default'::text NOT NULL,
  key text NOT NULL,
  CONSTRAINT limit_keys_limit_group_namespace_key_pk PRIMARY KEY (limit_group, namespace, key)
);

CREATE TABLE limits (
  namespace text DEFAULT 'default'::text NOT NULL,
  key text NOT NULL,
  starts bigint[] DEFAULT '{}'::bigint[] NOT NULL,
  used_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT limits_namespace_key_pk PRIMARY KEY (namespace, key)
);

CREATE TABLE namespaces (
  id text COLLATE "C" NOT NULL,
  description text,
  labels jsonb DEFAULT '{}'::jsonb NOT NULL,
  quotas jsonb DEFAULT '{}'::jsonb NOT NULL,
  weight integer DEFAULT 1 NOT NULL,
  target_allow jsonb,
  target_deny jsonb,
  closing boolean DEFAULT false NOT NULL,
  cascading boolean DEFAULT false NOT NULL,
  has_marked_tasks boolean DEFAULT false NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL,
  CONSTRAINT namespaces_pkey PRIMARY KEY (id)
);
CREATE INDEX namespaces_changed_in ON namespaces USING btree (changed_in);

CREATE TABLE replicas (
  id uuid NOT NULL,
  version text NOT NULL,
  tz text,
  host text NOT NULL,
  pid integer NOT NULL,
  started_at timestamp(3) with time zone NOT NULL,
  heartbeat_at timestamp(3) with time zone NOT NULL,
  lease_until timestamp(3) with time zone NOT NULL,
  running integer NOT NULL,
  tasks_loaded integer NOT NULL,
  firing boolean DEFAULT false NOT NULL,
  breakers jsonb DEFAULT '[]'::jsonb NOT NULL,
  CONSTRAINT replicas_pkey PRIMARY KEY (id)
);

CREATE TABLE run_log (
  run uuid NOT NULL,
  attempt smallint NOT NULL,
  "offset" bigint NOT NULL,
  bytes bytea NOT NULL,
  CONSTRAINT run_log_run_offset_pk PRIMARY KEY (run, "offset")
);

CREATE TABLE run_logs (
  run uuid NOT NULL,
  bytes bigint NOT NULL,
  held integer NOT NULL,
  dropped_from bigint NOT NULL,
  dropped_to bigint NOT NULL,
  CONSTRAINT run_logs_pkey PRIMARY KEY (run)
);

CREATE TABLE runs (
  id uuid NOT NULL,
  task_uid bigint NOT NULL,
  trigger run_trigger NOT NULL,
  status run_status NOT NULL,
  scheduled_for timestamp(3) with time zone NOT NULL,
  due_at timestamp(3) with time zone NOT NULL,
  effective_due_at timestamp(3) with time zone NOT NULL,
  overlap_slot smallint,
  owner uuid,
  attempt smallint NOT NULL,
  max_attempts smallint NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  started_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone,
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
  cancel_requested boolean DEFAULT false NOT NULL,
  limit_group uuid,
  check_due timestamp(3) with time zone,
  heartbeat_due timestamp(3) with time zone,
  progress jsonb,
  hooked boolean,
  namespace text DEFAULT 'default'::text NOT NULL,
  CONSTRAINT runs_pkey PRIMARY KEY (id)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05, autovacuum_analyze_scale_factor=0.05);
CREATE INDEX runs_check ON runs USING btree (check_due) WHERE (check_due IS NOT NULL);
CREATE INDEX runs_ended ON runs USING btree (status, id) WHERE (status = ANY (ARRAY['failed'::run_status, 'timed_out'::run_status, 'cancelled'::run_status, 'lost'::run_status, 'skipped'::run_status]));
CREATE INDEX runs_heartbeat ON runs USING btree (heartbeat_due) WHERE (heartbeat_due IS NOT NULL);
CREATE INDEX runs_limits ON runs USING btree (limit_group, effective_due_at) WHERE ((limit_group IS NOT NULL) AND (status = ANY (ARRAY['pending'::run_status, 'retrying'::run_status])));
CREATE INDEX runs_limits_running ON runs USING btree (limit_group) WHERE ((limit_group IS NOT NULL) AND (status = 'running'::run_status));
CREATE INDEX runs_line ON runs USING btree (task_uid, effective_due_at) WHERE (overlap_slot > 0);
CREATE INDEX runs_live ON runs USING btree (status, effective_due_at) WHERE (status = ANY (ARRAY['pending'::run_status, 'running'::run_status, 'retrying'::run_status]));
CREATE INDEX runs_namespace ON runs USING btree (namespace, id) WHERE (namespace <> 'default'::text);
CREATE UNIQUE INDEX runs_overlap_slot ON runs USING btree (task_uid, overlap_slot) WHERE (overlap_slot < 2);
CREATE INDEX runs_task ON runs USING btree (task_uid, id);
CREATE INDEX runs_task_ended ON runs USING btree (task_uid, status, id) WHERE (status = ANY (ARRAY['failed'::run_status, 'timed_out'::run_status, 'cancelled'::run_status, 'lost'::run_status, 'skipped'::run_status]));
CREATE INDEX runs_task_unscheduled ON runs USING btree (task_uid, trigger, id) WHERE (trigger = ANY (ARRAY['manual'::run_trigger, 'catch_up'::run_trigger, 'retry'::run_trigger]));
CREATE INDEX runs_unscheduled ON runs USING btree (trigger, id) WHERE (trigger = ANY (ARRAY['manual'::run_trigger, 'catch_up'::run_trigger, 'retry'::run_trigger]));
CREATE INDEX runs_waiting ON runs USING btree (namespace, effective_due_at) WHERE (status = ANY (ARRAY['pending'::run_status, 'retrying'::run_status]));
CREATE TRIGGER runs_hooks AFTER UPDATE OF status ON runs FOR EACH ROW WHEN ((new.hooked AND (old.status IS DISTINCT FROM new.status) AND (new.status = ANY (ARRAY['succeeded'::run_status, 'failed'::run_status, 'timed_out'::run_status, 'lost'::run_status])))) EXECUTE FUNCTION note_end_of_run();
CREATE TRIGGER runs_late AFTER INSERT ON runs FOR EACH ROW WHEN ((new.scheduled_for < (clock_timestamp() - '00:00:10'::interval))) EXECUTE FUNCTION note_late_run();
CREATE TRIGGER runs_steps BEFORE UPDATE OF status ON runs FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status) AND (NOT run_step_allowed(old.status, new.status)))) EXECUTE FUNCTION refuse_step();

CREATE TABLE secret_uses (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  task_uid bigint NOT NULL,
  CONSTRAINT secret_uses_namespace_name_task_uid_pk PRIMARY KEY (namespace, name, task_uid)
);
CREATE INDEX secret_uses_task ON secret_uses USING btree (task_uid);

CREATE TABLE secrets (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  description text,
  value bytea NOT NULL,
  data_key bytea NOT NULL,
  wrapped_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  last_used_at timestamp(3) with time zone,
  CONSTRAINT secrets_namespace_name_pk PRIMARY KEY (namespace, name)
);

CREATE TABLE sessions (
  hash text NOT NULL,
  subject text NOT NULL,
  groups jsonb DEFAULT '[]'::jsonb NOT NULL,
  key_hash text,
  created_at timestamp(3) with time zone NOT NULL,
  used_at timestamp(3) with time zone NOT NULL,
  ends_at timestamp(3) with time zone NOT NULL,
  groups_at timestamp(3) with time zone,
  refresh_token text,
  CONSTRAINT sessions_pkey PRIMARY KEY (hash)
);
CREATE INDEX sessions_ends ON sessions USING btree (ends_at);
CREATE INDEX sessions_subject ON sessions USING btree (subject);

CREATE TABLE sign_ins (
  hash text NOT NULL,
  ends_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT sign_ins_pkey PRIMARY KEY (hash)
);

CREATE TABLE stats_hours (
  namespace text COLLATE "C" NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  task_uid bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  runs bigint NOT NULL,
  lateness bigint[],
  duration bigint[],
  CONSTRAINT stats_hours_namespace_at_task_uid_status_pk PRIMARY KEY (namespace, at, task_uid, status)
) WITH (fillfactor=70);
CREATE INDEX stats_hours_at ON stats_hours USING brin (at);
CREATE INDEX stats_hours_totals ON stats_hours USING btree (namespace, at) WHERE (task_uid = 0);

CREATE TABLE stats_minutes (
  namespace text COLLATE "C" NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  task_uid bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  pass bigint NOT NULL,
  runs bigint NOT NULL,
  lateness bigint[],
  duration bigint[]
);
CREATE INDEX stats_minutes_pass ON stats_minutes USING btree (pass);
CREATE INDEX stats_minutes_tasks ON stats_minutes USING btree (namespace, at) WHERE (task_uid <> 0);
CREATE INDEX stats_minutes_totals ON stats_minutes USING btree (namespace, at) WHERE (task_uid = 0);

CREATE TABLE stats_open_misses (
  event_id bigint NOT NULL,
  CONSTRAINT stats_open_misses_pkey PRIMARY KEY (event_id)
);

CREATE TABLE stats_open_runs (
  run_id uuid NOT NULL,
  CONSTRAINT stats_open_runs_pkey PRIMARY KEY (run_id)
);

CREATE TABLE stats_state (
  singleton boolean DEFAULT true NOT NULL,
  counted_to uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
  events_seen pg_snapshot NOT NULL,
  pass bigint DEFAULT 0 NOT NULL,
  passed_at timestamp(3) with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
  copied_pass bigint DEFAULT 0 NOT NULL,
  CONSTRAINT stats_state_pkey PRIMARY KEY (singleton),
  CONSTRAINT stats_state_singleton_check CHECK (singleton)
);

CREATE TABLE stats_tasks (
  uid bigint NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  id text NOT NULL,
  labels jsonb NOT NULL,
  forgotten_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT stats_tasks_pkey PRIMARY KEY (uid)
);

CREATE TABLE subscriptions (
  name text NOT NULL,
  seen pg_snapshot DEFAULT pg_current_snapshot() NOT NULL,
  reading pg_snapshot,
  read_id bigint DEFAULT 0 NOT NULL,
  CONSTRAINT subscriptions_pkey PRIMARY KEY (name)
);

CREATE TABLE tasks (
  uid bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  namespace text DEFAULT 'default'::text NOT NULL,
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
  starts_at timestamp(3) with time zone,
  ends_at timestamp(3) with time zone,
  max_runs integer,
  jitter_ms bigint,
  priority smallint NOT NULL,
  policies jsonb,
  limit_group uuid,
  status task_status NOT NULL,
  version integer DEFAULT 1 NOT NULL,
  schedule_version integer DEFAULT 1 NOT NULL,
  active_from timestamp(3) with time zone NOT NULL,
  claimed integer DEFAULT 0 NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  deleted_at timestamp(3) with time zone,
  changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL,
  in_quota boolean DEFAULT false NOT NULL,
  CONSTRAINT tasks_pkey PRIMARY KEY (uid)
);
CREATE INDEX tasks_changed_in ON tasks USING btree (changed_in);
CREATE UNIQUE INDEX tasks_id ON tasks USING btree (namespace, id) WHERE (deleted_at IS NULL);
CREATE INDEX tasks_labels ON tasks USING gin (labels jsonb_path_ops);
CREATE INDEX tasks_tombstones ON tasks USING btree (namespace, id) WHERE (deleted_at IS NOT NULL);
CREATE TRIGGER tasks_steps BEFORE UPDATE OF status ON tasks FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status) AND (NOT task_step_allowed(old.status, new.status)))) EXECUTE FUNCTION refuse_step();

CREATE TABLE template_trials (
  task_uid bigint NOT NULL,
  process uuid NOT NULL,
  definition text NOT NULL,
  at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT template_trials_task_uid_process_pk PRIMARY KEY (task_uid, process)
);

CREATE TABLE unconfirmed_misses (
  event_id bigint NOT NULL,
  ran integer NOT NULL,
  CONSTRAINT unconfirmed_misses_pkey PRIMARY KEY (event_id)
);
