-- What the console and its API need: logs of runs, the roll-up behind GET /stats, bulk changes.

CREATE TABLE unconfirmed_misses (
  event_id bigint PRIMARY KEY,
  ran integer NOT NULL
);
