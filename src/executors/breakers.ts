/** One circuit breaker for each origin that targets are at: what does not answer is not called for a while. */

import { CircuitState, SamplingBreaker } from 'cockatiel';
import type { HttpTarget } from '../domain/target.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from './executor.ts';

export type BreakerOptions = {
  /** Monotonic milliseconds. */
  monotonic: () => number;
  /** A random number in [0, 1). */
  random: () => number;
  /** The circuit opens when more than this share of the calls in the window failed. */
  threshold: number;
  windowMs: number;
  /** Fewer calls in the window than this say nothing. */
  minimumCalls: number;
  /** How long an open circuit waits before one call may try. */
  cooldownMs: number;
  onChange: (origin: string, state: BreakerState['state'] | 'closed') => void;
};

/** A circuit that is not closed. */
export type BreakerState = { origin: string; state: 'open' | 'half_open'; openedMsAgo: number };

export type Breakers = {
  /**
   * `execute` behind the circuits. While one is open its calls go to the attempt's fallback, or are not made: the outcome
   * is `postponed` then. Calls that time out or find the target unavailable count against it; whatever else it answers
   * shows that it is there.
   */
  guard(execute: Executor): Executor;
  states(): BreakerState[];
};

type Circuit = {
  origin: string;
  /** Of cockatiel. It reads the wall clock itself: a jump of it at worst empties or stretches one window. */
  sampling: SamplingBreaker;
  openedAt: number | null;
  isProbing: boolean;
  usedAt: number;
};

const mostCircuits = 1_024;

export function createBreakers(options: BreakerOptions): Breakers {
  const { monotonic, random, threshold, windowMs, minimumCalls, cooldownMs } = options;
  const circuits = new Map<string, Circuit>();
  const origins = new WeakMap<HttpTarget, string>();

  function circuitOf(target: HttpTarget): Circuit {
    let origin = origins.get(target);
    if (origin === undefined) {
      origin = new URL(target.url).origin;
      origins.set(target, origin);
    }
    let circuit = circuits.get(origin);
    if (circuit === undefined) {
      if (circuits.size >= mostCircuits) forgetQuiet();
      const sampling = new SamplingBreaker({
        threshold,
        duration: windowMs,
        minimumRps: (minimumCalls * 1_000) / windowMs,
      });
      circuit = { origin, sampling, openedAt: null, isProbing: false, usedAt: 0 };
      circuits.set(origin, circuit);
    }
    circuit.usedAt = monotonic();
    return circuit;
  }

  /** What was not called for a whole window has nothing to remember; failing that, the longest unused goes. */
  function forgetQuiet(): void {
    const before = monotonic() - windowMs;
    for (const [origin, { openedAt, usedAt }] of circuits)
      if (openedAt === null && usedAt < before) circuits.delete(origin);
    const [oldest] = [...circuits.values()].sort((a, b) => a.usedAt - b.usedAt);
    if (circuits.size >= mostCircuits && oldest) circuits.delete(oldest.origin);
  }

  /** Milliseconds until it is worth asking again; 0 when a call may be made now. */
  function waitFor(circuit: Circuit): number {
    if (circuit.openedAt === null) return 0;
    const left = circuit.openedAt + cooldownMs - monotonic();
    if (left > 0) return left;
    return circuit.isProbing ? cooldownMs / 10 : 0;
  }

  function open(circuit: Circuit): void {
    const wasOpen = circuit.openedAt !== null;
    circuit.openedAt = monotonic();
    if (!wasOpen) options.onChange(circuit.origin, 'open');
  }

  function learn(circuit: Circuit, isProbe: boolean, outcome: Outcome): void {
    if (isProbe) circuit.isProbing = false;
    const state = isProbe ? CircuitState.HalfOpen : CircuitState.Closed;
    const kind = outcome.error?.kind;
    if (kind === 'timeout' || kind === 'unavailable') {
      // What was under way when the circuit opened tells nothing new.
      if (circuit.openedAt !== null && !isProbe) return;
      if (circuit.sampling.failure(state)) open(circuit);
    } else if (kind === undefined || kind === 'rejected') {
      circuit.sampling.success(state);
      if (circuit.openedAt === null || !isProbe) return;
      circuit.openedAt = null;
      options.onChange(circuit.origin, 'closed');
    }
  }

  function call(execute: Executor, attempt: Attempt, circuit: Circuit): StartedAttempt {
    const isProbe = circuit.openedAt !== null;
    if (isProbe) {
      circuit.isProbing = true;
      options.onChange(circuit.origin, 'half_open');
    }
    const { outcome, cancel } = execute(attempt);
    return {
      outcome: outcome.then((ended) => {
        learn(circuit, isProbe, ended);
        return ended;
      }),
      cancel,
    };
  }

  return {
    guard: (execute) => (attempt) => {
      const circuit = circuitOf(attempt.target);
      const wait = waitFor(circuit);
      if (wait === 0) return call(execute, attempt, circuit);
      const { fallback } = attempt;
      const other = fallback === null ? null : circuitOf(fallback);
      if (fallback === null || other === null || other === circuit || waitFor(other) > 0) {
        // Spread, so that what waits does not come back in one moment.
        const postponeMs = Math.ceil(wait + random() * cooldownMs);
        return { outcome: Promise.resolve(postponed(postponeMs)), cancel() {} };
      }
      const { outcome, cancel } = call(execute, { ...attempt, target: fallback }, other);
      return { outcome: outcome.then((ended) => ({ ...ended, viaFallback: true })), cancel };
    },
    states: () =>
      [...circuits.values()].flatMap(({ origin, openedAt, isProbing }) =>
        openedAt === null
          ? []
          : [{ origin, state: isProbing ? 'half_open' : 'open', openedMsAgo: Math.round(monotonic() - openedAt) }],
      ),
  };
}

function postponed(postponeMs: number): Outcome {
  return {
    status: 'postponed',
    httpStatus: null,
    output: null,
    truncated: false,
    error: null,
    retryAfterMs: null,
    isFinal: false,
    viaFallback: false,
    postponeMs,
  };
}
