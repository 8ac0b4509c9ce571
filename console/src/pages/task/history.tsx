/** What a task missed, and what was done to it. */

import { useQuery } from '@tanstack/react-query';
import { useNamespace } from '../../api/namespace.ts';
import { eventsQuery, missesQuery } from '../../api/queries.ts';
import { Empty, Failure, Loading } from '../../ui/states.tsx';
import { wordOf } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Time } from '../../ui/time.tsx';

export function Misses({ id }: { id: string }) {
  const misses = useQuery(missesQuery(useNamespace(), id));
  return (
    <section className="panel" aria-label="Misses">
      <header>
        <h2>Misses</h2>
      </header>
      {misses.isPending && <Loading what="misses" />}
      {misses.error && <Failure error={misses.error} retry={() => void misses.refetch()} />}
      {misses.data?.items.length === 0 && (
        <Empty title="Nothing was missed">
          <p>An occurrence that could not fire within its grace would be listed here.</p>
        </Empty>
      )}
      {misses.data && misses.data.items.length > 0 && (
        <Table columns={['From', 'To', { number: 'Occurrences' }, 'Policy', 'Reason', 'Recorded']}>
          {misses.data.items.map(({ from, to, count, policy, reason, recordedAt }) => (
            <tr key={from + recordedAt}>
              <td className="nowrap">
                <Time at={from} />
              </td>
              <td className="nowrap">
                <Time at={to} />
              </td>
              <td className="number">{count}</td>
              <td>{wordOf(policy)}</td>
              <td>{wordOf(reason)}</td>
              <td className="nowrap">
                <Time at={recordedAt} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

export function Events({ id }: { id: string }) {
  const events = useQuery(eventsQuery(useNamespace(), id));
  return (
    <section className="panel" aria-label="Events">
      <header>
        <h2>Events</h2>
      </header>
      {events.isPending && <Loading what="events" />}
      {events.error && <Failure error={events.error} retry={() => void events.refetch()} />}
      {events.data && (
        <Table columns={['When', 'What', 'Who', 'Changes']}>
          {events.data.items.map(({ type, at, actor, changes }, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: events have no id, and two may be alike.
            <tr key={`${at}-${place}`}>
              <td className="nowrap">
                <Time at={at} />
              </td>
              <td>{wordOf(type)}</td>
              <td>{actor}</td>
              <td className="break muted">{changes === null ? '' : JSON.stringify(changes)}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
