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
          <SameMinute at={preview.data.next[0]} />
          <Instants instants={preview.data.next} zone={zoneOf(preview.data.canonical)} />
        </>
      )}
    </section>
  );
}

/** How many tasks are due in the minute of an instant. */
function SameMinute({ at }: { at: string | undefined }) {
  const client = useClient();
  const from = at === undefined ? 0 : Math.floor(Date.parse(at) / 60_000) * 60_000;
  const forecast = useQuery({
    queryKey: ['forecast', 'minute', from],
    queryFn: () => {
      const query = { from: new Date(from).toISOString(), to: new Date(from + 60_000).toISOString() };
      return bodyOf(client.GET('/forecast', { params: { query } }));
    },
    enabled: at !== undefined,
    retry: false,
  });
  if (forecast.data === undefined) return null;
  const fires = forecast.data.buckets.reduce((sum, bucket) => sum + bucket.fires, 0);
  return <p className="pad muted">{fires === 0 ? 'No other run' : `${fires} runs of stored tasks`} in that minute.</p>;
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
