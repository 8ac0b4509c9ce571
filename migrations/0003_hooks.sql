-- Older tasks have retries without a total duration.
UPDATE "tasks" SET "retry" = "retry" || '{"maxDuration": null}' WHERE NOT "retry" ? 'maxDuration';
--> statement-breakpoint
-- However a run ends (settled, completed by its target, taken from a dead replica), the hooks that hear of it get their
-- call in the same transaction. Runs of tasks without hooks pay for one condition.
CREATE FUNCTION note_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  hooks jsonb;
  heard text[] := '{}';
BEGIN
  SELECT policies -> 'hooks' INTO hooks FROM tasks WHERE uid = NEW.task_uid;
  IF NEW.status = 'succeeded' THEN
    IF hooks ? 'onSuccess' THEN heard := heard || 'onSuccess'::text; END IF;
    IF hooks ? 'onRecovery' AND 'succeeded' <> (
      SELECT status FROM runs
      WHERE task_uid = NEW.task_uid AND id < NEW.id AND status IN ('succeeded', 'failed', 'timed_out', 'lost')
      ORDER BY id DESC LIMIT 1
    ) THEN heard := heard || 'onRecovery'::text; END IF;
  ELSIF hooks ? 'onFailure' THEN heard := heard || 'onFailure'::text;
  END IF;
  INSERT INTO deliveries (task_uid, run_id, hook, due_at, created_at)
    SELECT NEW.task_uid, NEW.id, hook, clock_timestamp(), clock_timestamp() FROM unnest(heard) AS hook;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER runs_hooks AFTER UPDATE OF status ON "runs" FOR EACH ROW
  WHEN (NEW.hooked AND OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('succeeded', 'failed', 'timed_out', 'lost'))
  EXECUTE FUNCTION note_deliveries();
