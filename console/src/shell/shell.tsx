/** The frame of every page: navigation, namespace, live updates, theme, who is signed in. */

import { useQuery } from '@tanstack/react-query';
import { Outlet, useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { LiveUpdates } from '../api/live.tsx';
import { useNamespace } from '../api/namespace.ts';
import { configQuery, meQuery } from '../api/session.ts';
import { Announcements } from '../ui/announce.tsx';
import { Go } from '../ui/go.tsx';
import { Failure, Loading } from '../ui/states.tsx';
import { Controls } from './controls.tsx';
import styles from './shell.module.css';
import { SignIn } from './sign-in.tsx';

const links = [
  ['/', 'Now'],
  ['/tasks', 'Tasks'],
  ['/runs', 'Runs'],
  ['/timeline', 'Timeline'],
  ['/load', 'Load'],
  ['/cluster', 'Cluster'],
] as const;

export function Shell() {
  const config = useQuery(configQuery);
  const me = useQuery(meQuery);
  const named = useNamespace();
  const navigate = useNavigate();
  const namespaces = me.data?.namespaces ?? [];
  // Who has no role in `default` and one in several others has to choose.
  const needed = named === null && namespaces.length > 0 && !namespaces.includes('default') ? namespaces[0] : undefined;
  useEffect(() => {
    if (needed !== undefined) void navigate({ to: '.', search: { ns: needed } as never, replace: true });
  }, [needed, navigate]);

  const error = config.error ?? me.error;
  if (error) return <Failure error={error} retry={() => void Promise.all([config.refetch(), me.refetch()])} />;
  if (config.data === undefined || me.data === undefined || needed !== undefined) return <Loading what="the console" />;
  if (me.data === null) return <SignIn ways={config.data.signIn} />;
  return (
    <LiveUpdates>
      <Announcements>
        <a className={styles.skip} href="#content">
          Skip to the content
        </a>
        <header className={styles.bar}>
          <span className={styles.brand}>Punctual</span>
          <nav className={styles.nav} aria-label="Pages">
            {links.map(([to, text]) => (
              <Go key={to} to={to} className={styles.link} activeOptions={{ exact: to === '/', includeSearch: false }}>
                {text}
              </Go>
            ))}
          </nav>
          <Controls me={me.data} canSignOut={me.data.via === 'session'} />
        </header>
        <main id="content" className={styles.content} tabIndex={-1}>
          <Outlet />
        </main>
      </Announcements>
    </LiveUpdates>
  );
}
