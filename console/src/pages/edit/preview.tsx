/** What a schedule means, as one types: in words, its next instants, its warnings, and who else is due then. */

import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { bodyOf } from '../../api/client.ts';
import { useClient } from '../../api/namespace.ts';
import { Instants } from '../../tasks/instants.tsx';
import { zoneOf } from '../../tasks/schedule.ts';
import { Failure, Loading } from '../../ui/states.tsx';
import styles from './preview.module.css';

const count = 10;
/** How long one has to pause in typing before the service is asked, in milliseconds. */
const pauseMs = 250;

export function Preview({ schedule, id }: { schedule: unknown; id: string }) {
  const client = useClient();
  const asked = useSettled(JSON.stringify(schedule ?? ''));
  const preview = useQuery({
    queryKey: ['preview', asked, id],
    queryFn: () =>
      bodyOf(
        client.POST('/schedules/preview', {
          body: { schedule: JSON.parse(asked), count, ...(id !== '' && { id }) },
        }),
      ),
    enabled: asked !== '""',
    retry: false,
    placeholderData: (before) => before,
  });
  return (
    <section className="panel" aria-label="Preview" aria-live="polite">
      <header>
        <h2>When it fires</h2>
      </header>
      {asked === '""' && <p className="pad muted">Type a schedule to see what it means.</p>}
      {asked !== '""' && preview.isLoading && <Loading what="the preview" />}
      {preview.error && asked !== '""' && (
        <div className="pad">
          <Failure error={preview.error} />
        </div>
      )}
      {preview.data && !preview.error && asked !== '""' && (
        <>
          <p className={styles.words}>{preview.data.description}</p>
          {preview.data.warnings.map(({ code, detail }) => (
            <p key={code + detail} className={styles.warning}>
              {detail}
            </p>
          ))}
          <Instants instants={preview.data.next} zone={zoneOf(preview.data.canonical)} />
        </>
      )}
    </section>
  );
}

/** The value once it has not changed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), pauseMs);
    return () => window.clearTimeout(timer);
  }, [value]);
  return settled;
}
