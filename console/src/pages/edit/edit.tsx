/** The pages New and Edit: a form and the JSON of the same task, with a preview of its schedule beside them. */

import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useNamespace } from '../../api/namespace.ts';
import { taskQuery } from '../../api/queries.ts';
import { Failure, Loading } from '../../ui/states.tsx';
import { draftOf, emptyDraft } from './draft.ts';
import { Editor } from './editor.tsx';

export function NewPage() {
  return (
    <div className="page">
      <h1>New task</h1>
      <Editor first={emptyDraft} etag={null} id={null} />
    </div>
  );
}

export function EditPage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string };
  const namespace = useNamespace();
  // Read once: what somebody types must not change under their hands.
  const found = useQuery({
    ...taskQuery(namespace, id),
    queryKey: ['edited', namespace, id],
    gcTime: 0,
    staleTime: Infinity,
  });
  if (found.isPending) return <Loading what="the task" />;
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  return (
    <div className="page">
      <h1>Edit {id}</h1>
      <Editor first={draftOf(found.data.task)} etag={found.data.etag} id={id} />
    </div>
  );
}
