/** Short messages about what was done. Screen readers read them; others see them for some seconds. */

import { createContext, type ReactNode, useCallback, useContext, useEffect, useState } from 'react';
import styles from './announce.module.css';

const shownMs = 6_000;

const AnnounceContext = createContext<(text: string) => void>(() => {});

export function Announcements({ children }: { children: ReactNode }) {
  const [message, setMessage] = useState<{ text: string; at: number } | null>(null);
  const announce = useCallback((text: string) => setMessage({ text, at: Date.now() }), []);
  useEffect(() => {
    if (message === null) return;
    const timer = window.setTimeout(() => setMessage(null), shownMs);
    return () => window.clearTimeout(timer);
  }, [message]);
  return (
    <AnnounceContext value={announce}>
      {children}
      <div className={styles.place} role="status" aria-live="polite">
        {message && <p className={styles.message}>{message.text}</p>}
      </div>
    </AnnounceContext>
  );
}

/** A function that says what was done. */
export function useAnnounce(): (text: string) => void {
  return useContext(AnnounceContext);
}
