-- Every statement of the journal, by name. `:rows(n)` stands for a VALUES list of n columns, `:ids` for a list of ids;
-- both are written many rows at a time, so that one step of the SQLite engine (which runs without the interpreter's
-- lock) does the work of a whole batch. Statements of one commit run in the order of this file.

-- name: put_delivery
-- Remembers what was received, and answers the ids of what is new; a known delivery changes nothing.
INSERT INTO delivery (key, version, digest, id) VALUES :rows(4)
ON CONFLICT (key, version, digest) DO NOTHING RETURNING id;

-- name: put_body
-- Keeps the received bytes, until retention takes them.
INSERT INTO body (delivery, received_at, bytes) VALUES :rows(3);

-- name: put_message
-- Puts messages into the queue.
INSERT INTO message (id, channel, priority, key, body, delivery) VALUES :rows(6);

-- name: consume_message
-- The consumed mark: what was decided on is no longer in the queue.
DELETE FROM message WHERE id IN (:ids);

-- name: put_state
-- What the actor knows of the key from now on.
INSERT INTO state (actor, key, body, blocked_by, keeps, told_to) VALUES :rows(6)
ON CONFLICT (actor, key) DO UPDATE SET
  body = excluded.body, blocked_by = excluded.blocked_by, keeps = excluded.keeps, told_to = excluded.told_to;

-- name: put_intent
-- Writes down an outside call before it is made.
INSERT INTO intent (id, actor, key, api, share, kind, repeat, body, digest, claimed, unknown, attempts)
VALUES :rows(12);

-- name: claim_intent
-- This process may begin these calls from now on, or gives them back: (claimed, id). That an earlier process may have
-- begun a write stays known, also when this one fails between reading the row and making the call.
UPDATE intent SET claimed = ?1, unknown = unknown OR (claimed <> 0 AND claimed < ?1 AND repeat <> 'safe') WHERE id = ?2;

-- name: mark_intent_unknown
-- The answer was lost; the bytes stay: (attempts, id).
UPDATE intent SET unknown = 1, attempts = ?1 WHERE id = ?2;

-- name: requeue_intent
-- Looked for and absent: the identical bytes are to be sent again: (id).
UPDATE intent SET unknown = 0 WHERE id = ?1;

-- name: settle_intent
-- The outcome is decided; the bytes are no longer needed.
DELETE FROM intent WHERE id IN (:ids);

-- name: put_timer
-- Sets or replaces a timer.
INSERT INTO timer (actor, key, name, due_at, body) VALUES :rows(5)
ON CONFLICT (actor, key, name) DO UPDATE SET due_at = excluded.due_at, body = excluded.body;

-- name: fire_timer
-- A due timer becomes a message, if it is still the timer that was seen: (message id, priority, actor, key, name, due).
INSERT INTO message (id, channel, priority, key, body, delivery)
SELECT ?1, actor, ?2, key, body, NULL FROM timer WHERE actor = ?3 AND key = ?4 AND name = ?5 AND due_at = ?6;

-- name: end_timer
-- Removes a fired timer: (actor, key, name, due).
DELETE FROM timer WHERE actor = ?1 AND key = ?2 AND name = ?3 AND due_at = ?4;

-- name: cancel_timer
-- Removes a timer that is no longer wanted: (actor, key, name).
DELETE FROM timer WHERE actor = ?1 AND key = ?2 AND name = ?3;

-- name: put_fact
-- Adds to the timeline.
INSERT INTO fact (subject, id, actor, kind, began_at, ended_at, data) VALUES :rows(7);

-- name: put_trace_work
-- A stretch of a timeline is to be exported.
INSERT INTO trace_work (id, subject, after_fact, to_fact, closes) VALUES :rows(5);

-- name: end_trace_work
-- The receiver has it.
DELETE FROM trace_work WHERE id IN (:ids);

-- name: park
-- A message whose decision raised stops its key: (channel, key, message, reason, parked_at).
INSERT INTO parked (channel, key, message, reason, parked_at) VALUES :rows(5)
ON CONFLICT (channel, key) DO UPDATE SET message = excluded.message, reason = excluded.reason;

-- name: unpark
-- The key goes on: (channel, key).
DELETE FROM parked WHERE channel = ?1 AND key = ?2;

-- name: put_pause
-- Somebody stops an actor or a partition: (scope, name, paused_at, paused_by). A person's word goes before a restore's.
INSERT INTO pause (scope, name, paused_at, paused_by) VALUES :rows(4) ON CONFLICT (scope, name) DO UPDATE SET
  paused_at = excluded.paused_at, paused_by = excluded.paused_by WHERE pause.paused_by = 'restore';

-- name: end_pause
-- It goes on: (scope, name).
DELETE FROM pause WHERE scope = ?1 AND name = ?2;

-- name: restored
-- Since when the store goes on from a backup without anybody having said that its books agree (NULL: it does not), and
-- the last delivery in that.
SELECT restored_at, last_received_at FROM instance;

-- name: end_restored
-- The books agree with the outside again.
UPDATE instance SET restored_at = NULL, last_received_at = NULL;

-- name: known_delivery
-- The delivery that made this one known: (key, version, digest).
SELECT id FROM delivery WHERE key = ?1 AND version = ?2 AND digest = ?3;

-- name: messages_after
-- The next messages of a channel that may be decided on: (channel, priority, after id, limit). Messages of a key whose
-- write is in flight are among them: only who has seen them can come back to them when the write has ended.
SELECT m.id, m.key, m.body, m.delivery, b.bytes FROM message m LEFT JOIN body b ON b.delivery = m.delivery
WHERE m.channel = ?1 AND m.priority = ?2 AND m.id > ?3
  AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.channel = m.channel AND p.key = m.key)
  AND NOT EXISTS (SELECT 1 FROM pause u WHERE u.scope = 'partition' AND u.name = substr(m.key, 1, instr(m.key, '/') - 1))
ORDER BY m.id LIMIT ?4;

-- name: oldest_message_of_key
-- What waits longest on disk for one key: (channel, key).
SELECT m.id, m.body, b.bytes, m.priority FROM message m LEFT JOIN body b ON b.delivery = m.delivery
WHERE m.channel = ?1 AND m.key = ?2 ORDER BY m.id LIMIT 1;

-- name: intents_after
-- The next outside calls of a share: (api, share, after id, limit).
SELECT id, actor, key, kind, repeat, body, claimed, unknown, attempts FROM intent i
WHERE api = ?1 AND share = ?2 AND id > ?3
  AND NOT EXISTS (SELECT 1 FROM pause u WHERE u.scope = 'partition' AND u.name = substr(i.key, 1, instr(i.key, '/') - 1))
ORDER BY id LIMIT ?4;

-- name: states
-- What an actor knows of some keys: (actor, :keys).
SELECT key, body, blocked_by, keeps, told_to FROM state WHERE actor = ? AND key IN (:keys);

-- name: timers_due
-- The timers whose time has come: (now, limit).
SELECT actor, key, name, due_at FROM timer WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2;

-- name: next_due
-- When the next timer is due.
SELECT min(due_at) FROM timer;

-- name: bodies
-- Received bytes by delivery: (:ids).
SELECT delivery, bytes FROM body WHERE delivery IN (:ids);

-- name: timeline
-- The facts of one subject in order: (subject, after fact, to fact).
SELECT id, subject, actor, kind, began_at, ended_at, data FROM fact WHERE subject = ?1 AND id > ?2 AND id <= ?3
ORDER BY id;

-- name: timelines
-- The facts of some subjects, each in order: (:keys).
SELECT id, subject, actor, kind, began_at, ended_at, data FROM fact WHERE subject IN (:keys) ORDER BY subject, id;

-- name: trace_work
-- The next stretches to export: (after id, limit).
SELECT id, subject, after_fact, to_fact, closes FROM trace_work WHERE id > ?1 ORDER BY id LIMIT ?2;

-- name: trace_work_count
-- How much is still to be exported.
SELECT count(*) FROM trace_work;

-- name: pauses
-- What is stopped.
SELECT scope, name, paused_at, paused_by FROM pause ORDER BY scope, name;

-- name: parked
-- What is parked.
SELECT channel, key, message, reason, parked_at FROM parked ORDER BY parked_at;

-- name: queue_depths
-- How much waits, by channel.
SELECT channel, count(*), min(id) FROM message GROUP BY channel;

-- name: intent_depths
-- How many outside calls wait, by API and share, and how many of them are unknown.
SELECT api, share, count(*), sum(unknown) FROM intent GROUP BY api, share;

-- name: bodies_after
-- The next bodies in order of arrival, and whether something open still needs them: (after delivery, limit).
SELECT b.delivery, b.received_at,
  EXISTS (SELECT 1 FROM state s WHERE s.keeps = b.delivery) OR EXISTS (SELECT 1 FROM message m WHERE m.id = b.delivery)
FROM body b WHERE b.delivery > ?1 ORDER BY b.delivery LIMIT ?2;

-- name: free_bodies
-- Retention: these bodies are reclaimed; keys and digests of their deliveries stay.
DELETE FROM body WHERE delivery IN (:ids);
