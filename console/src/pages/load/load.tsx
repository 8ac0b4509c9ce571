/** The page Load: fires per minute of the day to come, the fullest minutes, and who is in them. */

import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { bodyOf, clientOf } from '../../api/client.ts';
import { useNamespace } from '../../api/namespace.ts';
import { Empty, Failure, Loading } from '../../ui/states.tsx';
import { ownZone, useNow } from '../../ui/time.tsx';
import { useUrlState } from '../../ui/url-state.ts';
import { dayFrom, heatRows, keyTotals } from './heat.ts';
import { HeatMap } from './heat-map.tsx';
import { Keys, MinuteTable, Peaks } from './load-tables.tsx';

const minuteMs = 60_000;
/** The map moves on every so many minutes. */
const stepMs = 5 * minuteMs;

function forecastQuery(namespace: string | null, { from, to }: { from: number; to: number }, by: string | undefined) {
  const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), bucket: '1m' as const };
  return queryOptions({
    queryKey: ['forecast', namespace, from, by],
    queryFn: () =>
      bodyOf(
        clientOf(namespace).GET('/forecast', { params: { query: { ...query, ...(by !== undefined && { by }) } } }),
      ),
    placeholderData: keepPreviousData,
  });
}

export function LoadPage() {
  const namespace = useNamespace();
  const [{ by, key }, change] = useUrlState();
  const now = useNow(minuteMs);
  const [asTable, setTable] = useState(false);
  const day = dayFrom(Math.floor(now / stepMs) * stepMs);
  // Half a label is no grouping yet.
  const isGrouped = by === 'origin' || /^label:.+/.test(by ?? '');
  const whole = useQuery(forecastQuery(namespace, day, undefined));
  const grouped = useQuery({ ...forecastQuery(namespace, day, by), enabled: isGrouped });
  const groups = isGrouped ? (grouped.data?.buckets ?? []) : [];
  const isOne = isGrouped && key !== undefined;
  const buckets = isOne ? groups.filter((each) => (each.key ?? '') === key.slice(1)) : (whole.data?.buckets ?? []);
  const rows = heatRows(buckets, day, -new Date(now).getTimezoneOffset() % 60);
  const most = Math.max(0, ...rows.flatMap(({ minutes }) => minutes.map((fires) => fires ?? 0)));
  const total = rows.reduce((sum, { minutes }) => minutes.reduce<number>((all, fires) => all + (fires ?? 0), sum), 0);
  const failed = [whole, grouped].find(({ error }) => error !== null);
  return (
    <div className="page">
      <h1>Load</h1>
      <form className="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Group by
          <select
            value={by?.startsWith('label:') ? 'label:' : (by ?? '')}
            onChange={(event) => change({ by: event.target.value || undefined, key: undefined })}
          >
            <option value="">nothing</option>
            <option value="origin">origin of the target</option>
            <option value="label:">label</option>
          </select>
        </label>
        {by?.startsWith('label:') && (
          <label>
            Label
            <input
              placeholder="team"
              value={by.slice('label:'.length)}
              onChange={(event) => change({ by: `label:${event.target.value}`, key: undefined }, { quiet: true })}
            />
          </label>
        )}
      </form>
      {failed && <Failure error={failed.error} retry={() => void failed.refetch()} />}
      <section className="panel" aria-label="The next 24 hours">
        <header>
          <h2>
            {total.toLocaleString('en')} fires in the next 24 hours{' '}
            <span className="muted">
              at most {most.toLocaleString('en')} a minute, in {ownZone}
            </span>
          </h2>
          <button type="button" className="button plain" aria-pressed={asTable} onClick={() => setTable(!asTable)}>
            {asTable ? 'Show as chart' : 'Show as table'}
          </button>
        </header>
        {whole.isPending && <Loading what="the forecast" />}
        {whole.isSuccess && total === 0 && (
          <Empty title="Nothing is due in the next 24 hours">
            <p>Start a task, or make one with a schedule, to see here when it fires.</p>
          </Empty>
        )}
        {total > 0 && !asTable && <HeatMap rows={rows} most={most} now={now} />}
        {total > 0 && <MinuteTable rows={rows} isHidden={!asTable} />}
      </section>
      {whole.data?.sampled && <p className="muted">These numbers are estimates: so many tasks are sampled.</p>}
      {groups.length > 0 && <Keys totals={keyTotals(groups)} chosen={key} onChoose={(key) => change({ key })} />}
      {whole.data && whole.data.peaks.length > 0 && <Peaks peaks={whole.data.peaks} />}
    </div>
  );
}
