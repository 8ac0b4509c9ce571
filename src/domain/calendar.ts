/** stub */
import { Cron } from 'croner';
export type Calendar = { next(expression: string, timezone: string, after: number): number | null };
export function createCalendar(_o?: { maxExpressions?: number }): Calendar {
  const m = new Map<string, Cron>();
  return {
    next(e, z, a) {
      const k = e + z;
      let c = m.get(k);
      if (!c) {
        c = new Cron(e, { timezone: z, paused: true });
        m.set(k, c);
      }
      return c.nextRun(new Date(a))?.getTime() ?? null;
    },
  };
}
