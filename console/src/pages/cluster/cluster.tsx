/** The page Cluster: the replicas that are alive, what they do, and the circuits that are open. */

import { useQuery } from '@tanstack/react-query';
import { apiPath } from '../../api/base.ts';
import type { Schemas } from '../../api/client.ts';
import { clusterQuery } from '../../api/queries.ts';
import { configQuery } from '../../api/session.ts';
import { Empty, Failure, Loading } from '../../ui/states.tsx';
import { Status } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Ago, durationText, Time } from '../../ui/time.tsx';

type Replica = Schemas['Replica'];

const healthQuery = {
  queryKey: ['cluster', 'health'],
  queryFn: async (): Promise<{ status: string; failing: Record<string, string> }> =>
    (await fetch(`${apiPath}/healthz`)).json(),
};

export function ClusterPage() {
  const cluster = useQuery(clusterQuery);
  const health = useQuery(healthQuery);
  const { data: config } = useQuery(configQuery);
  const failing = Object.entries(health.data?.failing ?? {});
  const versions = new Set(cluster.data?.replicas.map(({ version }) => version));
  return (
    <div className="page">
      <h1>Cluster</h1>
      <section className="panel" aria-label="Health">
        <header>
          <h2>Health of the replica that answers</h2>
          {health.data && <Status status={failing.length === 0 ? 'ready' : 'failed'} />}
        </header>
        <dl className="facts">
          {failing.map(([check, why]) => (
            <div key={check}>
              <dt>{check}</dt>
              <dd>{why}</dd>
            </div>
          ))}
          {health.data && failing.length === 0 && (
            <>
              <dt>Checks</dt>
              <dd>Postgres answers, the lease is held, the tasks are loaded, the clock agrees.</dd>
            </>
          )}
          <dt>Version</dt>
          <dd>
            {config?.version}
            {versions.size > 1 && `, replicas run ${[...versions].join(' and ')}`}
          </dd>
        </dl>
        {cluster.data?.clock && <Failure error={new Error(`The database's clock: ${cluster.data.clock}`)} />}
      </section>
      <section className="panel" aria-label="Replicas">
        <header>
          <h2>Replicas</h2>
          <span className="muted">{cluster.data && `${cluster.data.replicas.length} alive`}</span>
        </header>
        {cluster.isPending && <Loading what="replicas" />}
        {cluster.error && <Failure error={cluster.error} retry={() => void cluster.refetch()} />}
        {cluster.data && <Replicas replicas={cluster.data.replicas} />}
      </section>
      {cluster.data && <Breakers replicas={cluster.data.replicas} />}
    </div>
  );
}

function Replicas({ replicas }: { replicas: readonly Replica[] }) {
  if (replicas.length === 0)
    return (
      <Empty title="No replica holds a lease">
        <p>Nothing fires until one does. Look at the log of the service and at its connection to Postgres.</p>
      </Empty>
    );
  return (
    <Table
      columns={[
        'Replica',
        'Host',
        'Version',
        'Started',
        'Heartbeat',
        { number: 'Running' },
        { number: 'Tasks' },
        'Duties',
        'Time zones',
      ]}
    >
      {replicas.map(({ id, host, pid, version, startedAt, heartbeatAt, running, tasksLoaded, duties, tz }) => (
        <tr key={id}>
          <td title={id}>
            <code>{id.slice(0, 8)}</code>
          </td>
          <td className="break">
            {host}, process {pid}
          </td>
          <td>{version}</td>
          <td className="nowrap">
            <Time at={startedAt} />
          </td>
          <td className="nowrap">
            <Ago at={heartbeatAt} />
          </td>
          <td className="number">{running}</td>
          <td className="number">{tasksLoaded}</td>
          <td>{duties.join(', ') || '–'}</td>
          <td>{tz ?? '–'}</td>
        </tr>
      ))}
    </Table>
  );
}

function Breakers({ replicas }: { replicas: readonly Replica[] }) {
  const all = replicas.flatMap(({ id, breakers = [] }) => breakers.map((breaker) => ({ replica: id, ...breaker })));
  return (
    <section className="panel" aria-label="Circuits">
      <header>
        <h2>Circuits that are not closed</h2>
      </header>
      {all.length === 0 ? (
        <p className="muted pad">None: every target may be called.</p>
      ) : (
        <Table columns={['Target', 'State', 'For', 'Replica']}>
          {all.map(({ replica, origin, state, openedMsAgo }) => (
            <tr key={replica + origin}>
              <td className="break">{origin}</td>
              <td>
                <Status status={state} />
              </td>
              <td>{durationText(openedMsAgo)}</td>
              <td>
                <code>{replica.slice(0, 8)}</code>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
