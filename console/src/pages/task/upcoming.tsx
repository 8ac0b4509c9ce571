/** The next instants of a task in its zone and in this browser's, with marks where a clock is put forward or back. */

import { useQuery } from '@tanstack/react-query';
import type { Task } from '../../api/client.ts';
import { useNamespace } from '../../api/namespace.ts';
import { nextQuery } from '../../api/queries.ts';
import { Instants } from '../../tasks/instants.tsx';
import { zoneOf } from '../../tasks/schedule.ts';
import { Empty, Failure, Loading } from '../../ui/states.tsx';

const count = 20;

export function Upcoming({ task }: { task: Task }) {
  const next = useQuery(nextQuery(useNamespace(), task.id, count));
  return (
    <section className="panel" aria-label="Upcoming">
      <header>
        <h2>Next {count}</h2>
      </header>
      {next.isPending && <Loading what="the next instants" />}
      {next.error && <Failure error={next.error} retry={() => void next.refetch()} />}
      {next.data?.items.length === 0 && (
        <Empty title="Nothing comes">
          <p>A task that is stopped, completed or manual has no next instants.</p>
        </Empty>
      )}
      {next.data && next.data.items.length > 0 && <Instants instants={next.data.items} zone={zoneOf(task.schedule)} />}
    </section>
  );
}
