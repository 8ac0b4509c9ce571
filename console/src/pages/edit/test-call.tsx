/** A call of the drafted target now, which stores nothing. */

import { useMutation } from '@tanstack/react-query';
import { bodyOf } from '../../api/client.ts';
import { useClient } from '../../api/namespace.ts';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../ui/states.tsx';
import { Status } from '../../ui/status.tsx';
import { durationText } from '../../ui/time.tsx';
import { type Draft, targetOf } from './draft.ts';

export function TestCall({ draft }: { draft: Draft }) {
  const client = useClient();
  const mayTest = useMay('admin');
  const test = useMutation({
    mutationFn: () => {
      const timeout = typeof draft.timeout === 'string' && draft.timeout !== '' ? { timeout: draft.timeout } : {};
      return bodyOf(client.POST('/targets/test', { body: { target: targetOf(draft) as never, ...timeout } }));
    },
  });
  if (!mayTest) return null;
  const outcome = test.data?.outcome;
  return (
    <section className="panel" aria-label="Test call">
      <header>
        <h2>Test call</h2>
        <button type="button" className="button" disabled={test.isPending} onClick={() => test.mutate()}>
          {test.isPending ? 'Calling…' : 'Call the target now'}
        </button>
      </header>
      {!test.data && !test.error && (
        <p className="pad muted">One real call. Nothing is stored but a line in the audit.</p>
      )}
      {test.error && (
        <div className="pad">
          <Failure error={test.error} />
        </div>
      )}
      {outcome && (
        <dl className="facts">
          <dt>Outcome</dt>
          <dd>
            <Status status={outcome.status} /> {outcome.httpStatus !== null && `HTTP ${outcome.httpStatus}`},{' '}
            {durationText(outcome.durationMs)}
          </dd>
          {outcome.error && (
            <>
              <dt>Error</dt>
              <dd>{outcome.error.message}</dd>
            </>
          )}
          <dt>Answer</dt>
          <dd>
            <pre>{outcome.output || '(empty)'}</pre>
          </dd>
        </dl>
      )}
    </section>
  );
}
