/**
 * Live updates: hints of `GET /stream` make the queries of a topic read again. While they are paused nothing is read
 * again by itself. Where no stream comes, queries are read again every few seconds.
 */

import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { apiBase } from './client.ts';
import { useNamespace } from './namespace.ts';

/** `on`: hints come. `away`: the stream does not answer, so queries are read again by the clock. */
export type LiveState = 'on' | 'away' | 'paused';

type Live = { state: LiveState; pause(paused: boolean): void };

const LiveContext = createContext<Live>({ state: 'away', pause() {} });

/** How often queries are read again where no stream comes, in milliseconds. */
const pollMs = 5_000;
/** A burst of hints is one reading, in milliseconds. */
const gatherMs = 250;

/** The first parts of the keys of the queries that a topic concerns. */
const queriesOf: Record<string, readonly string[]> = {
  runs: ['runs', 'run', 'tasks', 'task', 'now'],
  tasks: ['tasks', 'task', 'forecast', 'now'],
  cluster: ['cluster', 'now'],
};

export function LiveUpdates({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const namespace = useNamespace();
  const [paused, setPaused] = useState(false);
  const [isOpen, setOpen] = useState(false);

  useEffect(() => {
    if (paused) return;
    const due = new Set<string>();
    let timer: number | undefined;
    function readAgain(topics: readonly string[]): void {
      for (const topic of topics) for (const query of queriesOf[topic] ?? []) due.add(query);
      timer ??= window.setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ predicate: ({ queryKey }) => due.has(String(queryKey[0])) });
        due.clear();
      }, gatherMs);
    }
    let again: number | undefined;
    function open(): EventSource {
      const opened = new EventSource(`${apiBase(namespace)}/stream`);
      for (const topic of Object.keys(queriesOf)) opened.addEventListener(topic, () => readAgain([topic]));
      // What happened in between is not known.
      for (const event of ['hello', 'resync'])
        opened.addEventListener(event, () => {
          setOpen(true);
          readAgain(Object.keys(queriesOf));
        });
      opened.addEventListener('goodbye', () => setOpen(false));
      opened.addEventListener('error', () => {
        setOpen(false);
        // The browser tries a broken connection again by itself. A refusal, such as a proxy's 502, it takes as final.
        if (opened.readyState === EventSource.CLOSED)
          again = window.setTimeout(() => {
            stream = open();
          }, pollMs);
      });
      return opened;
    }
    let stream = open();
    return () => {
      window.clearTimeout(again);
      window.clearTimeout(timer);
      stream.close();
      setOpen(false);
    };
  }, [paused, namespace, queries]);

  const state: LiveState = paused ? 'paused' : isOpen ? 'on' : 'away';
  useEffect(() => {
    if (state !== 'away') return;
    const timer = window.setInterval(() => void queries.invalidateQueries(), pollMs);
    return () => window.clearInterval(timer);
  }, [state, queries]);

  const live = useMemo(() => ({ state, pause: setPaused }), [state]);
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  return useContext(LiveContext);
}

/**
 * The time now in epoch milliseconds, anew every `everyMs`, for queries whose range ends now. It stands still while live
 * updates are paused, so that such a query is not read again either.
 */
export function useLiveNow(everyMs: number): number {
  const { state } = useLive();
  const isPaused = state === 'paused';
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (isPaused) return;
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [isPaused, everyMs]);
  return now;
}
