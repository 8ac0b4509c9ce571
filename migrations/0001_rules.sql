-- What the tables cannot say by themselves.

-- Ids are compared byte by byte: the same order on every server, and in every cursor.
ALTER TABLE "tasks" ALTER COLUMN "id" TYPE text COLLATE "C";
--> statement-breakpoint
-- Room on each page, so that settling a run finds place beside it.
ALTER TABLE "runs" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
--> statement-breakpoint
-- The steps that a run may take: the same table as `runSteps` in src/domain/run.ts.
CREATE FUNCTION run_step_allowed(before run_status, after run_status) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE before
    WHEN 'pending' THEN after IN ('running', 'cancelled', 'skipped')
    WHEN 'running' THEN after IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'retrying')
    WHEN 'retrying' THEN after IN ('running', 'cancelled')
    ELSE false
  END
$$;
--> statement-breakpoint
CREATE FUNCTION refuse_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% % cannot go from % to %', TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;
--> statement-breakpoint
CREATE TRIGGER runs_steps BEFORE UPDATE OF status ON "runs" FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT run_step_allowed(OLD.status, NEW.status))
  EXECUTE FUNCTION refuse_step();
--> statement-breakpoint
-- The steps that a task may take: the same table as `taskSteps` in src/domain/task.ts.
CREATE FUNCTION task_step_allowed(before task_status, after task_status) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE before
    WHEN 'active' THEN after IN ('stopped', 'completed')
    WHEN 'stopped' THEN after = 'active'
    WHEN 'completed' THEN after IN ('active', 'stopped')
    ELSE false
  END
$$;
--> statement-breakpoint
CREATE TRIGGER tasks_steps BEFORE UPDATE OF status ON "tasks" FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT task_step_allowed(OLD.status, NEW.status))
  EXECUTE FUNCTION refuse_step();
