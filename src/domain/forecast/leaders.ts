/** The tasks that fire most in each of many buckets. */

/** A task with how often it fires in a bucket. */
export type Leader = { task: string; fires: number };

export type Leaders = {
  add(bucket: number, task: string, fires: number): void;
  /** Those of a bucket, most fires first, then by id. */
  of(bucket: number): readonly Leader[];
};

/** Keeps at most `most` tasks of each bucket. */
export function createLeaders(most: number): Leaders {
  const lists = new Map<number, Leader[]>();
  return {
    add(bucket, task, fires) {
      const list = lists.get(bucket);
      if (list === undefined) {
        lists.set(bucket, [{ task, fires }]);
        return;
      }
      const last = list[list.length - 1];
      if (list.length === most && last !== undefined && !goesBefore(task, fires, last)) return;
      let place = list.length;
      while (place > 0 && goesBefore(task, fires, list[place - 1] as Leader)) place--;
      list.splice(place, 0, { task, fires });
      if (list.length > most) list.pop();
    },
    of: (bucket) => lists.get(bucket) ?? [],
  };
}

function goesBefore(task: string, fires: number, other: Leader): boolean {
  return fires > other.fires || (fires === other.fires && task < other.task);
}
