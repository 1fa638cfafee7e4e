-- The journal. Instants are microseconds since 1970-01-01 UTC. Ids are (epoch << 32) + n: unique and rising for ever.

-- Who writes here. The epoch rises with every start; a writer whose epoch is not this one has been fenced off.
CREATE TABLE instance (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  epoch      INTEGER NOT NULL,
  holder     TEXT    NOT NULL,
  started_at INTEGER NOT NULL
) STRICT;
INSERT INTO instance (one, epoch, holder, started_at) VALUES (1, 0, 'nobody yet', 0);

-- What was received. Rows stay for ever: they are what makes the same delivery known. Bodies are kept apart, and end.
CREATE TABLE delivery (
  key     TEXT    NOT NULL,
  version TEXT    NOT NULL,
  digest  BLOB    NOT NULL,
  id      INTEGER NOT NULL,
  PRIMARY KEY (key, version, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE body (
  delivery    INTEGER PRIMARY KEY,
  received_at INTEGER NOT NULL,
  bytes       BLOB    NOT NULL
) STRICT;

-- The queue: what an actor has still to decide. A consumed message is gone.
CREATE TABLE message (
  id       INTEGER PRIMARY KEY,
  channel  TEXT    NOT NULL,
  priority INTEGER NOT NULL,
  key      TEXT    NOT NULL,
  body     BLOB    NOT NULL,
  delivery INTEGER
) STRICT;
CREATE INDEX message_by_channel ON message (channel, priority, id);
CREATE INDEX message_by_key ON message (channel, key);

-- A message whose decision raised. It keeps its row in `message`; its key waits until a person looks.
CREATE TABLE parked (
  channel   TEXT    NOT NULL,
  key       TEXT    NOT NULL,
  message   INTEGER NOT NULL,
  reason    TEXT    NOT NULL,
  parked_at INTEGER NOT NULL,
  PRIMARY KEY (channel, key)
) STRICT, WITHOUT ROWID;

-- What an actor knows of a key. `blocked_by`: the write in flight; `keeps`: the delivery whose body is still needed;
-- `told_to`: the last fact that was handed to the trace export (NULL: this subject is not traced).
CREATE TABLE state (
  actor      TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  body       BLOB    NOT NULL,
  blocked_by INTEGER,
  keeps      INTEGER,
  told_to    INTEGER,
  PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX state_by_keeps ON state (keeps) WHERE keeps IS NOT NULL;

-- The exact bytes of each outside call, from before it is made until its outcome is decided. `claimed` is the epoch of
-- the process that may have begun it; `unknown` is 1 when its answer was lost.
CREATE TABLE intent (
  id         INTEGER PRIMARY KEY,
  actor      TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  api        TEXT    NOT NULL,
  share      TEXT    NOT NULL,
  kind       TEXT    NOT NULL,
  repeat     TEXT    NOT NULL,
  body       BLOB    NOT NULL,
  digest     BLOB    NOT NULL,
  claimed    INTEGER NOT NULL,
  unknown    INTEGER NOT NULL,
  attempts   INTEGER NOT NULL
) STRICT;
CREATE INDEX intent_by_share ON intent (api, share, id);

-- Messages to be sent later.
CREATE TABLE timer (
  actor  TEXT    NOT NULL,
  key    TEXT    NOT NULL,
  name   TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  body   BLOB    NOT NULL,
  PRIMARY KEY (actor, key, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_by_due ON timer (due_at);

-- The timeline: the only source of spans and of `explain`.
CREATE TABLE fact (
  subject  TEXT    NOT NULL,
  id       INTEGER NOT NULL,
  actor    TEXT    NOT NULL,
  kind     TEXT    NOT NULL,
  began_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  data     TEXT    NOT NULL,
  PRIMARY KEY (subject, id)
) STRICT, WITHOUT ROWID;

-- Stretches of timelines that are still to be exported as spans: facts after `after_fact`, up to `to_fact`.
CREATE TABLE trace_work (
  id         INTEGER PRIMARY KEY,
  subject    TEXT    NOT NULL,
  after_fact INTEGER NOT NULL,
  to_fact    INTEGER NOT NULL,
  closes     INTEGER NOT NULL
) STRICT;

-- What people have stopped, and why.
CREATE TABLE pause (
  scope     TEXT    NOT NULL CHECK (scope IN ('actor', 'partition')),
  name      TEXT    NOT NULL,
  paused_at INTEGER NOT NULL,
  paused_by TEXT    NOT NULL,
  PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
