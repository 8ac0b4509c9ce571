-- Teams: namespaces with quotas, keys, bindings and sessions in the database, secrets, and the audit. Replicas of the
-- version before go on beside it: it only adds. src/store/*/schema.ts explains each column.

CREATE TABLE namespaces (
  id text COLLATE "C" PRIMARY KEY,
  description text,
  labels jsonb NOT NULL DEFAULT '{}',
  quotas jsonb NOT NULL DEFAULT '{}',
  weight integer NOT NULL DEFAULT 1,
  target_allow jsonb,
  target_deny jsonb,
  closing boolean NOT NULL DEFAULT false,
  cascading boolean NOT NULL DEFAULT false,
  has_marked_tasks boolean NOT NULL DEFAULT false,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  changed_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX namespaces_changed_in ON namespaces (changed_in);

INSERT INTO namespaces (id, created_at, updated_at) VALUES ('default', now(), now());

CREATE TABLE creations (
  namespace text NOT NULL,
  at timestamptz(3) NOT NULL,
  tasks integer NOT NULL,
  CONSTRAINT creations_namespace_at_pk PRIMARY KEY (namespace, at)
);

-- Constant defaults: no row is rewritten.
ALTER TABLE tasks ADD COLUMN in_quota boolean NOT NULL DEFAULT false;
ALTER TABLE runs ADD COLUMN namespace text NOT NULL DEFAULT 'default';
-- Only the runs that wait: it is small. Making these two indexes reads the table once each.
CREATE INDEX runs_waiting ON runs (namespace, effective_due_at) WHERE status IN ('pending', 'retrying');
-- Without the runs of `default`, which so pay nothing for it.
CREATE INDEX runs_namespace ON runs (namespace, id) WHERE namespace <> 'default';
ALTER TABLE events ADD COLUMN via text, ADD COLUMN address text;

CREATE TABLE keys (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  role text NOT NULL,
  namespace text NOT NULL,
  hash text NOT NULL CONSTRAINT keys_hash UNIQUE,
  created_at timestamptz(3) NOT NULL,
  created_by text NOT NULL,
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  CONSTRAINT keys_name UNIQUE (namespace, name)
);

CREATE TABLE bindings (
  id uuid PRIMARY KEY,
  subject text NOT NULL,
  role text NOT NULL,
  namespace text NOT NULL,
  created_at timestamptz(3) NOT NULL,
  created_by text NOT NULL,
  CONSTRAINT bindings_subject UNIQUE (subject, namespace, role)
);

CREATE TABLE sessions (
  hash text PRIMARY KEY,
  subject text NOT NULL,
  groups jsonb NOT NULL DEFAULT '[]',
  key_hash text,
  created_at timestamptz(3) NOT NULL,
  used_at timestamptz(3) NOT NULL,
  ends_at timestamptz(3) NOT NULL,
  groups_at timestamptz(3),
  refresh_token text
);
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_ends ON sessions (ends_at);

CREATE TABLE sign_ins (
  hash text PRIMARY KEY,
  ends_at timestamptz(3) NOT NULL
);

CREATE TABLE secrets (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  description text,
  value bytea NOT NULL,
  data_key bytea NOT NULL,
  wrapped_by text NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  last_used_at timestamptz(3),
  CONSTRAINT secrets_namespace_name_pk PRIMARY KEY (namespace, name)
);

CREATE TABLE secret_uses (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  task_uid bigint NOT NULL,
  CONSTRAINT secret_uses_namespace_name_task_uid_pk PRIMARY KEY (namespace, name, task_uid)
);
CREATE INDEX secret_uses_task ON secret_uses (task_uid);

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY,
  namespace text COLLATE "C" NOT NULL,
  at timestamptz(3) NOT NULL,
  type text COLLATE "C" NOT NULL,
  subject text COLLATE "C",
  actor text COLLATE "C" NOT NULL,
  via text NOT NULL,
  address text,
  request_id text,
  data jsonb,
  CONSTRAINT audit_at_id_pk PRIMARY KEY (at, id)
);
CREATE INDEX audit_namespace ON audit (namespace, type, at, id);
CREATE INDEX audit_actor ON audit (actor, namespace, type, at, id);
CREATE INDEX audit_subject ON audit (subject, namespace, type, at, id, actor);

-- A change of a task or a run by a caller has an event with `via`. Here it becomes an entry of the audit, in the same
-- transaction. Events of Punctual itself have no `via`.
CREATE FUNCTION note_changes() RETURNS trigger LANGUAGE plpgsql AS $$
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
$$;
CREATE TRIGGER events_note_changes AFTER INSERT ON events
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_changes();
