/** The form of a task: what most tasks need. Everything else is in its JSON. */

import { type ReactNode, useId, useState } from 'react';
import { type Draft, scheduleField, scheduleFrom, targetOf, zoneField } from './draft.ts';
import styles from './edit.module.css';

type FieldError = { pointer: string; detail: string };
type FieldsProps = {
  draft: Draft;
  isNew: boolean;
  errors: readonly FieldError[];
  onChange: (draft: Draft) => void;
};

const methods = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'HEAD'];
const overlaps = [
  ['skip', 'skip the new run'],
  ['queue', 'let it wait'],
  ['allow', 'run both'],
  ['replace', 'cancel the earlier run'],
] as const;

export function Fields({ draft, isNew, errors, onChange }: FieldsProps) {
  const target = targetOf(draft);
  const text = (name: string) => (typeof draft[name] === 'string' ? (draft[name] as string) : '');
  const set = (changes: Draft) => onChange({ ...draft, ...changes });
  const setTarget = (changes: Record<string, unknown>) => set({ target: { ...target, ...changes } });
  const errorOf = (pointer: string) =>
    errors.filter((each) => each.pointer === `#${pointer}` || each.pointer.startsWith(`#${pointer}/`));
  const schedule = scheduleField(draft.schedule);
  const zone = zoneField(draft.schedule);
  const setSchedule = (next: string, nextZone: string) =>
    set({ schedule: scheduleFrom(next, nextZone, draft.schedule) });
  return (
    <>
      <div className={styles.pair}>
        <Field label="Id" hint={isNew ? 'empty: the service chooses one' : undefined} errors={errorOf('/id')}>
          {(control) => (
            <input
              {...control}
              value={text('id')}
              disabled={!isNew}
              onChange={(event) => set({ id: event.target.value })}
            />
          )}
        </Field>
        <Field label="Name" hint="for people" errors={errorOf('/name')}>
          {(control) => (
            <input {...control} value={text('name')} onChange={(event) => set({ name: event.target.value })} />
          )}
        </Field>
      </div>
      <div className={styles.pair}>
        <Field
          label="Schedule"
          hint="0 2 * * * · @every 30s · @daily · 2026-12-01T09:00:00Z · manual"
          errors={errorOf('/schedule')}
        >
          {(control) => (
            <input
              {...control}
              className="code"
              required
              value={schedule}
              onChange={(event) => setSchedule(event.target.value, zone)}
            />
          )}
        </Field>
        <Field label="Time zone" hint="of a cron pattern; UTC if empty" errors={errorOf('/schedule/timezone')}>
          {(control) => (
            <input
              {...control}
              list="zones"
              placeholder="UTC"
              value={zone}
              onChange={(event) => setSchedule(schedule, event.target.value)}
            />
          )}
        </Field>
        <datalist id="zones">
          {Intl.supportedValuesOf('timeZone').map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      </div>
      <div className={styles.pair}>
        <Field label="URL" errors={errorOf('/target')}>
          {(control) => (
            <input
              {...control}
              className="code"
              type="url"
              required
              placeholder="https://billing.example.com/report"
              value={typeof target.url === 'string' ? target.url : ''}
              onChange={(event) => setTarget({ url: event.target.value })}
            />
          )}
        </Field>
        <Field label="Method" errors={[]}>
          {(control) => (
            <select
              {...control}
              value={typeof target.method === 'string' ? target.method : 'POST'}
              onChange={(event) => setTarget({ method: event.target.value })}
            >
              {methods.map((method) => (
                <option key={method}>{method}</option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <JsonField
        label="Body"
        hint="JSON; empty: the run's ids and instant are sent"
        value={target.body}
        onChange={(body) => {
          const { body: _, ...rest } = target;
          set({ target: body === undefined ? rest : { ...rest, body } });
        }}
      />
      <div className={styles.pair}>
        <Field label="Timeout" hint="of one attempt" errors={errorOf('/timeout')}>
          {(control) => (
            <input
              {...control}
              placeholder="30s"
              value={text('timeout')}
              onChange={(event) => set({ timeout: event.target.value })}
            />
          )}
        </Field>
        <Field label="Attempts" hint="1: no retry" errors={errorOf('/retry')}>
          {(control) => (
            <input
              {...control}
              type="number"
              min={1}
              max={100}
              value={(draft.retry as { maxAttempts?: number } | undefined)?.maxAttempts ?? 1}
              onChange={(event) =>
                set({ retry: { ...(draft.retry as object | undefined), maxAttempts: Number(event.target.value) } })
              }
            />
          )}
        </Field>
        <Field label="While an earlier run goes on" errors={errorOf('/overlap')}>
          {(control) => (
            <select
              {...control}
              value={text('overlap') || 'skip'}
              onChange={(event) => set({ overlap: event.target.value })}
            >
              {overlaps.map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <JsonField
        label="Labels"
        hint={'JSON, such as {"team": "billing"}'}
        value={draft.labels}
        onChange={(labels) => set({ labels: labels ?? {} })}
      />
    </>
  );
}

type Control = { id: string; 'aria-describedby': string };
type FieldProps = {
  label: string;
  hint?: string | undefined;
  errors: readonly FieldError[];
  /** Makes the control, with what ties it to its label and hints. */
  children: (control: Control) => ReactNode;
};

/** The name of the control is the label alone. Hints and faults describe it. */
function Field({ label, hint, errors, children }: FieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': `${id}-hints` })}
      <div id={`${id}-hints`}>
        {hint !== undefined && <span className={styles.hint}>{hint}</span>}
        {errors.map(({ pointer, detail }) => (
          <span key={pointer + detail} className={styles.fault}>
            {detail}
          </span>
        ))}
      </div>
    </div>
  );
}

type JsonFieldProps = { label: string; hint: string; value: unknown; onChange: (value: unknown) => void };

/** A member whose value is any JSON. Text that is none is kept here until it is. */
function JsonField({ label, hint, value, onChange }: JsonFieldProps) {
  const [text, setText] = useState(() => (value === undefined ? '' : JSON.stringify(value)));
  const [fault, setFault] = useState<string | null>(null);
  function edit(next: string): void {
    setText(next);
    try {
      onChange(next.trim() === '' ? undefined : JSON.parse(next));
      setFault(null);
    } catch (error) {
      setFault((error as Error).message);
    }
  }
  return (
    <Field label={label} hint={hint} errors={fault === null ? [] : [{ pointer: '', detail: fault }]}>
      {(control) => (
        <textarea
          {...control}
          className="code"
          rows={2}
          spellCheck={false}
          value={text}
          onChange={(event) => edit(event.target.value)}
        />
      )}
    </Field>
  );
}
