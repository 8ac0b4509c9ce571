/** The log that the target of a run wrote, followed while the run goes on. */

import { useEffect, useRef, useState } from 'react';
import { apiBase, type Run } from '../../api/client.ts';
import { useNamespace } from '../../api/namespace.ts';
import styles from './run.module.css';

/** How much of a log is shown, in characters: the end of it. */
const mostShown = 256 * 1024;

export function RunLog({ run }: { run: Run; isOver: boolean }) {
  const namespace = useNamespace();
  const [text, setText] = useState('');
  const end = useRef<HTMLPreElement>(null);
  const address = `${apiBase(namespace)}/runs/${run.id}/log/follow`;
  useEffect(() => {
    setText('');
    const stream = new EventSource(address);
    stream.addEventListener('log', ({ data }) => setText((before) => (before + data).slice(-mostShown)));
    stream.addEventListener('end', () => stream.close());
    return () => stream.close();
  }, [address]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it scrolls when the text grows.
  useEffect(() => {
    if (end.current) end.current.scrollTop = end.current.scrollHeight;
  }, [text]);
  if (text === '') return null;
  return (
    <section className="panel" aria-label="Log">
      <header>
        <h2>Log</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keyboard. */}
      <pre ref={end} className={styles.output} tabIndex={0}>
        {text}
      </pre>
    </section>
  );
}
