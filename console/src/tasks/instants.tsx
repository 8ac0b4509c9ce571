/** Instants to come, in two zones. A change of the clock between two of them is marked. */

import { ownZone, Time, useNow, utcText, zonedText } from '../ui/time.tsx';
import styles from './instants.module.css';

export function Instants({ instants, zone }: { instants: readonly string[]; zone: string }) {
  const isOwn = zone === ownZone;
  const now = useNow(60_000);
  const changes = instants.map((at, place) => {
    const before = instants[place - 1];
    return before === undefined ? 0 : offsetMinutes(at, zone) - offsetMinutes(before, zone);
  });
  const hasChange = changes.some((minutes) => minutes !== 0);
  return (
    <div className="scroll">
      <table className="list">
        <thead>
          <tr>
            <th scope="col">In {zone}</th>
            {!isOwn && <th scope="col">Here ({ownZone})</th>}
            {hasChange && <th scope="col">Clock</th>}
          </tr>
        </thead>
        <tbody>
          {instants.map((at, place) => (
            <tr key={at}>
              <td className="nowrap">
                <time dateTime={at} title={utcText(at)}>
                  {zonedText(at, zone, now)}
                </time>
              </td>
              {!isOwn && (
                <td className="nowrap">
                  <Time at={at} />
                </td>
              )}
              {hasChange && <td className={styles.mark}>{changeText(changes[place] ?? 0)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function changeText(minutes: number): string {
  if (minutes === 0) return '';
  return `the clock is put ${minutes > 0 ? 'forward' : 'back'} by ${Math.abs(minutes)} min before this`;
}

/** How far a zone's clock is ahead of UTC at an instant, in minutes. */
function offsetMinutes(instant: string, zone: string): number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const name = format.formatToParts(Date.parse(instant)).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d+):(\d+)/.exec(name) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
