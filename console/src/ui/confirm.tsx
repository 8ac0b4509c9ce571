/** A question before an act that cannot be taken back, or that concerns many tasks. */

import { AlertDialog } from '@base-ui/react/alert-dialog';
import { type ReactNode, useState } from 'react';
import styles from './confirm.module.css';
import { Failure } from './states.tsx';

export type ConfirmProps = {
  /** The text of the button that asks. */
  button: ReactNode;
  /** Its class beside `button`. */
  tone?: string;
  /** The question, which names what and how many. */
  title: string;
  /** What follows from it. */
  children?: ReactNode;
  /** The text of the button that does it. */
  act: string;
  isDestructive?: boolean;
  disabled?: boolean;
  /** Does it. What it rejects with is shown in the dialog. */
  onAct: () => Promise<unknown>;
};

export function Confirm(props: ConfirmProps) {
  const { button, tone = '', title, children, act, isDestructive = false, disabled = false, onAct } = props;
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function carryOut(): Promise<void> {
    setBusy(true);
    try {
      await onAct();
      setOpen(false);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }
  return (
    <AlertDialog.Root
      open={isOpen}
      onOpenChange={(open) => {
        setError(null);
        setOpen(open);
      }}
    >
      <AlertDialog.Trigger className={`button ${tone}`} disabled={disabled}>
        {button}
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={styles.backdrop} />
        <AlertDialog.Popup className={styles.popup}>
          <AlertDialog.Title className={styles.title}>{title}</AlertDialog.Title>
          <AlertDialog.Description render={<div />} className={styles.text}>
            {children}
          </AlertDialog.Description>
          {error !== null && <Failure error={error} />}
          <div className={styles.acts}>
            <AlertDialog.Close className="button">Keep as it is</AlertDialog.Close>
            <button
              type="button"
              className={`button ${isDestructive ? 'danger' : 'primary'}`}
              disabled={isBusy}
              onClick={() => void carryOut()}
            >
              {act}
            </button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
