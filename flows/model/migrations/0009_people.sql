-- What people change of a single order. The payload stays as it was received; the patch is put into it whenever it is
-- read, in this version of the order and in each later one, until somebody removes it.

CREATE TABLE order_patch (
  key        TEXT PRIMARY KEY,           -- the order's
  patch      BLOB    NOT NULL,           -- JSON Merge Patch (RFC 7396); may be personal, so it is shown only on request
  decided_at INTEGER NOT NULL,
  decided_by TEXT    NOT NULL,
  reason     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Sales that were made by hand, and the order that a person linked each to. What Seamline made names its order itself.
CREATE TABLE sale_link (
  sale INTEGER PRIMARY KEY,              -- its id in Fulfil
  key  TEXT    NOT NULL                  -- the order's
) STRICT;
