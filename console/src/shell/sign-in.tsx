/** The page for who has not signed in: by key, by the issuer of the organisation, or both. */

import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { apiPath } from '../api/base.ts';
import { clusterClient } from '../api/client.ts';
import { Failure } from '../ui/states.tsx';
import styles from './sign-in.module.css';

export function SignIn({ ways }: { ways: readonly string[] }) {
  const queries = useQueryClient();
  const [key, setKey] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  async function exchange(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    try {
      await clusterClient().POST('/auth/session', { body: { key } });
      await queries.invalidateQueries();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }
  const returnTo = encodeURIComponent(window.location.pathname + window.location.search);
  return (
    <main className={styles.page}>
      <h1>Sign in to Punctual</h1>
      {ways.includes('openid') && (
        <a className="button primary" href={`${apiPath}/auth/login?returnTo=${returnTo}`}>
          Sign in with your organisation
        </a>
      )}
      <form className={styles.form} onSubmit={(event) => void exchange(event)}>
        <label htmlFor="key">API key</label>
        <input
          id="key"
          type="password"
          autoComplete="current-password"
          required
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <button type="submit" className="button" disabled={isBusy || key === ''}>
          Sign in
        </button>
      </form>
      <p className="muted">The key is exchanged for a session. It is not kept in this browser.</p>
      {error !== null && <Failure error={error} />}
    </main>
  );
}
