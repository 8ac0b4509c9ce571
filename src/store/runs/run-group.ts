/** The group of runs with the same limits that a task gives its runs. */

/**
 * SQL of the group that runs of the task `t` get. Where they count for the quota `concurrentRuns` of the namespace, it
 * is a group of that namespace: one for all tasks without limits, and one for each of their groups.
 */
export const runGroup = (t: string) =>
  `case when ${t}.in_quota then md5(${t}.namespace || '/' || coalesce(${t}.limit_group::text, ''))::uuid else ${t}.limit_group end`;
