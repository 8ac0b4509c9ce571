/** One circuit breaker for each origin that targets are at: what does not answer is not called for a while. */

import { CircuitState, SamplingBreaker } from 'cockatiel';
import type { Target } from '../domain/task/target.ts';
import { deferredOutcome } from './deferred.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from './executor.ts';

export type BreakerOptions = {
  /** Monotonic milliseconds. */
  monotonic: () => number;
  /** A random number in [0, 1). */
  random: () => number;
  /** The circuit opens when more than this share of the calls in the window failed. */
  threshold: number;
  /** How long a window is. It begins with the first call after the one before. */
  windowMs: number;
  /** Fewer calls in the window than this say nothing. */
  minimumCalls: number;
  /** How long an open circuit waits before one call may try. */
  cooldownMs: number;
  /** Scheme, host and port of where a target is. */
  originOf: (target: Target) => string;
  /** A call was not made. */
  onDeferred: () => void;
  onChange: (origin: string, state: BreakerState['state'] | 'closed') => void;
};

/** A circuit that is not closed. */
export type BreakerState = { origin: string; state: 'open' | 'half_open'; openedMsAgo: number };

export type Breakers = {
  /**
   * `execute` behind the circuits. While one is open its calls go to the attempt's fallback, or are not made: the
   * outcome is `deferred` then. Calls that time out or find the target unavailable count against it; whatever else it
   * answers shows that it is there.
   */
  guard(execute: Executor): Executor;
  states(): BreakerState[];
};

type Circuit = {
  origin: string;
  /**
   * Of cockatiel, for one window. Its own windows go by the wall clock and move on by one per call however long none
   * came, so that 20 failures of a whole day would open a circuit: here a new one begins when `windowMs` have passed.
   */
  sampling: SamplingBreaker;
  sampledSince: number;
  openedAt: number | null;
  probe: Probe | null;
  usedAt: number;
};

/** The one call that tries whether an open circuit's origin answers again. */
type Probe = { startedAt: number };

const mostCircuits = 1_024;
/** How many are forgotten at once when there are too many: looking for them costs a share of a millisecond. */
const forgottenAtOnce = mostCircuits / 4;
/**
 * After this another call may try too, in milliseconds: a target that never ends an attempt of a day must not stop the
 * others.
 */
const probeTimeoutMs = 30_000;

export function createBreakers(options: BreakerOptions): Breakers {
  const { monotonic, random, threshold, windowMs, minimumCalls, cooldownMs } = options;
  const circuits = new Map<string, Circuit>();

  const newSampling = () =>
    new SamplingBreaker({ threshold, duration: windowMs, minimumRps: (minimumCalls * 1_000) / windowMs });

  function circuitOf(target: Target): Circuit {
    const origin = options.originOf(target);
    const now = monotonic();
    let circuit = circuits.get(origin);
    if (circuit === undefined) {
      if (circuits.size >= mostCircuits) forgetSome();
      circuit = { origin, sampling: newSampling(), sampledSince: now, openedAt: null, probe: null, usedAt: now };
      circuits.set(origin, circuit);
    }
    circuit.usedAt = now;
    return circuit;
  }

  /** The longest unused go, those that are not closed only when there is nothing else. */
  function forgetSome(): void {
    const inOrder = [...circuits.values()].sort(
      (a, b) => Number(a.openedAt !== null) - Number(b.openedAt !== null) || a.usedAt - b.usedAt,
    );
    for (const { origin } of inOrder.slice(0, forgottenAtOnce)) circuits.delete(origin);
  }

  /** Milliseconds until it is worth asking again; 0 when a call may be made now. */
  function waitFor(circuit: Circuit): number {
    const { openedAt, probe } = circuit;
    if (openedAt === null) return 0;
    const now = monotonic();
    const left = openedAt + cooldownMs - now;
    if (left > 0) return left;
    return probe === null || now - probe.startedAt >= probeTimeoutMs ? 0 : cooldownMs / 10;
  }

  function open(circuit: Circuit, now: number): void {
    const wasOpen = circuit.openedAt !== null;
    circuit.openedAt = now;
    if (!wasOpen) options.onChange(circuit.origin, 'open');
  }

  function learn(circuit: Circuit, probe: Probe | null, outcome: Outcome): void {
    const isLatest = circuit.probe === probe;
    if (isLatest) circuit.probe = null;
    // Nothing was called, so nothing was learnt; the next call may try.
    if (outcome.status === 'deferred') return;
    const kind = outcome.error?.kind;
    const hasFailed = kind === 'timeout' || kind === 'unavailable';
    if (!hasFailed && kind !== undefined && kind !== 'rejected') return;
    const isOpen = circuit.openedAt !== null;
    // What was under way when the circuit opened tells nothing new, nor does a failure of one that tried before the
    // latest.
    if (isOpen && (probe === null || (hasFailed && !isLatest))) return;
    const now = monotonic();
    renewSampling(circuit, now);
    // One that tried may end after another one closed the circuit: then it is a call like others.
    const state = isOpen ? CircuitState.HalfOpen : CircuitState.Closed;
    if (hasFailed) {
      if (circuit.sampling.failure(state)) open(circuit, now);
      return;
    }
    circuit.sampling.success(state);
    if (isOpen) {
      circuit.openedAt = null;
      circuit.probe = null;
      options.onChange(circuit.origin, 'closed');
    }
  }

  function renewSampling(circuit: Circuit, now: number): void {
    if (now - circuit.sampledSince < windowMs) return;
    circuit.sampling = newSampling();
    circuit.sampledSince = now;
  }

  function call(execute: Executor, attempt: Attempt, circuit: Circuit): StartedAttempt {
    const probe = circuit.openedAt === null ? null : { startedAt: monotonic() };
    if (probe !== null) {
      circuit.probe = probe;
      options.onChange(circuit.origin, 'half_open');
    }
    const { outcome, cancel } = execute(attempt);
    return {
      outcome: outcome.then((ended) => {
        learn(circuit, probe, ended);
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
        const deferMs = Math.ceil(wait + random() * cooldownMs);
        options.onDeferred();
        return { outcome: Promise.resolve(deferredOutcome(deferMs, 'circuit_open')), cancel() {}, isDeferred: true };
      }
      const { outcome, cancel } = call(execute, { ...attempt, target: fallback }, other);
      return { outcome: outcome.then((ended) => ({ ...ended, viaFallback: true })), cancel };
    },
    states: () =>
      [...circuits.values()].flatMap(({ origin, openedAt, probe }) =>
        openedAt === null
          ? []
          : [{ origin, state: probe === null ? 'open' : 'half_open', openedMsAgo: Math.round(monotonic() - openedAt) }],
      ),
  };
}
