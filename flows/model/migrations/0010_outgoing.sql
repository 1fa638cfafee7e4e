-- What goes to flows of Patchworks: each line once, in its latest form, until the run that took it has ended well.

CREATE TABLE outgoing (
  flow     TEXT    NOT NULL,               -- the flow's id in Patchworks
  line     TEXT    NOT NULL,               -- its own key; a later form of the same line replaces it
  producer TEXT    NOT NULL,               -- the actor that wants to know what became of it
  body     BLOB    NOT NULL,               -- as it stands in the payload
  digest   BLOB    NOT NULL,               -- of the body: what was sent is told apart from what came since
  since    INTEGER NOT NULL,               -- since when it waits
  tries    INTEGER NOT NULL DEFAULT 0,     -- runs that failed with it
  batch    TEXT    NOT NULL DEFAULT '',    -- the start that took it; '': it waits
  stuck    INTEGER NOT NULL DEFAULT 0,     -- 1: it failed alone, and somebody has to look
  PRIMARY KEY (flow, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_waiting ON outgoing (flow, tries, since) WHERE batch = '' AND stuck = 0;
CREATE INDEX outgoing_batch ON outgoing (flow, batch) WHERE batch <> '';
