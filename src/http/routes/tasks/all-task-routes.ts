/** All routes below `/tasks` that act on tasks. */

import type { IncomingMessage } from 'node:http';
import type { App, HttpContext } from '../../context.ts';
import type { createValidation } from '../../input/validation.ts';
import { triggerRoutes } from '../runs/trigger.ts';
import { bulkRoutes } from './bulk.ts';
import { createTaskRoutes } from './create-task.ts';
import { createTasksRoutes } from './create-tasks.ts';
import { listTaskRoutes } from './list-tasks.ts';
import { nextRoutes } from './next.ts';
import { startStopRoutes } from './start-stop.ts';
import { taskLogRoutes } from './task-log.ts';
import { taskRoutes } from './tasks.ts';
import { testCallRoutes } from './test-calls.ts';

type Validation = ReturnType<typeof createValidation>;

/** `leave` gives back the place of a request that only waits from now on. */
export function allTaskRoutes(
  app: App,
  context: HttpContext,
  validation: Validation,
  leave: (request: IncomingMessage) => void,
): void {
  createTaskRoutes(app, context);
  createTasksRoutes(app, context, validation);
  listTaskRoutes(app, context);
  taskRoutes(app, context, validation);
  startStopRoutes(app, context);
  bulkRoutes(app, context);
  triggerRoutes(app, context, leave);
  testCallRoutes(app, context, leave);
  nextRoutes(app, context);
  taskLogRoutes(app, context);
}
