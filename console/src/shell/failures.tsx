/** Pages that stand in for one that is not there, or that failed. */

import type { ErrorComponentProps } from '@tanstack/react-router';
import { Go } from '../ui/go.tsx';
import { Empty, Failure } from '../ui/states.tsx';

export function NotFound() {
  return (
    <Empty title="There is no page at this address">
      <p>
        Go to <Go to="/">Now</Go> or look through the <Go to="/tasks">tasks</Go>.
      </p>
    </Empty>
  );
}

export function PageFailure({ error, reset }: ErrorComponentProps) {
  return <Failure error={error} retry={reset} />;
}
