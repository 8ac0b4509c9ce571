/** The controls at the end of the bar: namespace, live updates, theme, and who is signed in. */

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { clusterClient, type Schemas } from '../api/client.ts';
import { useLive } from '../api/live.tsx';
import { useNamespace } from '../api/namespace.ts';
import { ownNamespace } from '../api/session.ts';
import { useUrlState } from '../ui/url-state.ts';
import styles from './controls.module.css';
import { storedTheme, storeTheme, type Theme } from './theme.ts';

const liveWords = { on: 'Live', away: 'Polling', paused: 'Paused' };
const liveTitles = {
  on: 'Changes show at once. Press to pause.',
  away: 'The live stream does not answer. Everything is read again every five seconds. Press to pause.',
  paused: 'Nothing is read again by itself. Press to go on.',
};

export function Controls({ me, canSignOut }: { me: Schemas['Identity']; canSignOut: boolean }) {
  const queries = useQueryClient();
  const live = useLive();
  const [theme, setTheme] = useState(storedTheme);
  const signOut = useMutation({
    mutationFn: () => clusterClient().POST('/auth/logout'),
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <div className={styles.controls}>
      <NamespaceChoice me={me} />
      <button
        type="button"
        className={`button plain ${styles.live}`}
        aria-pressed={live.state === 'paused'}
        aria-label={live.state === 'paused' ? 'Resume live updates' : 'Pause live updates'}
        title={liveTitles[live.state]}
        onClick={() => live.pause(live.state !== 'paused')}
      >
        <span className={`${styles.dot} ${styles[live.state]}`} aria-hidden="true" />
        {liveWords[live.state]}
      </button>
      <label>
        <span className="visually-hidden">Theme</span>
        <select
          className={styles.choice}
          value={theme}
          onChange={(event) => {
            const chosen = event.target.value as Theme;
            storeTheme(chosen);
            setTheme(chosen);
          }}
        >
          <option value="system">System</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
      {me.via !== 'none' && <span className={styles.who}>{me.subject}</span>}
      {canSignOut && (
        <button type="button" className="button plain" onClick={() => signOut.mutate()}>
          Sign out
        </button>
      )}
    </div>
  );
}

function NamespaceChoice({ me }: { me: Schemas['Identity'] }) {
  const named = useNamespace();
  const [, change] = useUrlState();
  const current = named ?? ownNamespace(me);
  if (me.namespaces.length < 2 && me.namespaces.includes(current)) return null;
  const choices = me.namespaces.includes(current) ? me.namespaces : [current, ...me.namespaces];
  return (
    <label>
      <span className="visually-hidden">Namespace</span>
      <select
        className={styles.choice}
        value={current}
        onChange={(event) => change({ ns: event.target.value === ownNamespace(me) ? undefined : event.target.value })}
      >
        {choices.map((namespace) => (
          <option key={namespace}>{namespace}</option>
        ))}
      </select>
    </label>
  );
}
