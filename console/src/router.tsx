/** The addresses of the console. Each page is loaded when it is first opened. */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import { consolePath } from './api/base.ts';
import { NotFound, PageFailure } from './shell/failures.tsx';
import { Shell } from './shell/shell.tsx';
import { parseValues, queryOf, type Values } from './ui/url-state.ts';

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: PageFailure,
  validateSearch: (values: Values) => values,
});

function page<Module extends Record<Name, ComponentType>, Name extends string>(
  path: string,
  load: () => Promise<Module>,
  name: Name,
) {
  return createRoute({
    getParentRoute: () => root,
    path,
    component: lazyRouteComponent(load, name),
    errorComponent: PageFailure,
  });
}

const pages = [
  page('/', () => import('./pages/now/now.tsx'), 'NowPage'),
  page('/tasks', () => import('./pages/tasks/tasks.tsx'), 'TasksPage'),
  page('/tasks/$id', () => import('./pages/task/task.tsx'), 'TaskPage'),
  page('/tasks/$id/edit', () => import('./pages/edit/edit.tsx'), 'EditPage'),
  page('/new', () => import('./pages/edit/edit.tsx'), 'NewPage'),
  page('/runs', () => import('./pages/runs/runs.tsx'), 'RunsPage'),
  page('/runs/$id', () => import('./pages/run/run.tsx'), 'RunPage'),
  page('/timeline', () => import('./pages/timeline/timeline.tsx'), 'TimelinePage'),
  page('/load', () => import('./pages/load/load.tsx'), 'LoadPage'),
  page('/cluster', () => import('./pages/cluster/cluster.tsx'), 'ClusterPage'),
];

export function createConsoleRouter() {
  return createRouter({
    routeTree: root.addChildren(pages),
    basepath: consolePath,
    parseSearch: parseValues,
    stringifySearch: queryOf,
    defaultPreload: 'intent',
    scrollRestoration: true,
  });
}
