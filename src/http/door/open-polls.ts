/** Counts the requests that wait for what happens next, and bounds them: open streams, and polls of workers. */

export type OpenPolls = {
  /** Counts one more; the answer ends that, once, however often it is called. Null where there are too many. */
  take(): (() => void) | null;
  open(): number;
};

/** At most `most` at a time. */
export function createOpenPolls(most: number): OpenPolls {
  let open = 0;
  return {
    take() {
      if (open >= most) return null;
      open++;
      let isOpen = true;
      return () => {
        if (isOpen) open--;
        isOpen = false;
      };
    },
    open: () => open,
  };
}
