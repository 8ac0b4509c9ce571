-- The steps that a task may take: the same table as `taskSteps` in src/domain/task-states.ts. A completed task cannot be stopped.
CREATE OR REPLACE FUNCTION task_step_allowed(before task_status, after task_status) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE before
    WHEN 'active' THEN after IN ('stopped', 'completed')
    WHEN 'stopped' THEN after = 'active'
    WHEN 'completed' THEN after = 'active'
    ELSE false
  END
$$;
