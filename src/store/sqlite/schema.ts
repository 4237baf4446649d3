import type { Database } from "./driver.ts";
import { uniteTwins } from "./twins.ts";

/** Marks a SQLite file as ours (`PRAGMA application_id`): the letters "MHld". */
export const APPLICATION_ID = 0x4d486c64;

/**
 * Steps from one schema to the next, in order and never edited once released; `PRAGMA user_version` counts those done.
 * Instants by MISP's clock are REAL: a frame may name any number, and none may make a commit fail.
 */
const MIGRATIONS: readonly (readonly (string | ((db: Database) => void))[])[] = [
  [
    `
  CREATE TABLE events (
    instance TEXT NOT NULL, key TEXT NOT NULL, uuid TEXT, revision INTEGER NOT NULL,
    touched_at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (instance, key)
  ) STRICT;
  CREATE INDEX events_uuid ON events (instance, uuid);
  CREATE INDEX events_touched ON events (touched_at);

  CREATE TABLE attributes (
    instance TEXT NOT NULL, id TEXT NOT NULL, event_key TEXT NOT NULL, touched_at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (instance, id)
  ) STRICT;
  CREATE INDEX attributes_event ON attributes (instance, event_key);
  CREATE INDEX attributes_touched ON attributes (touched_at);

  CREATE TABLE told (
    instance TEXT NOT NULL, event_uuid TEXT NOT NULL, destination TEXT NOT NULL,
    changed_at REAL NOT NULL, touched_at INTEGER NOT NULL,
    PRIMARY KEY (instance, event_uuid, destination)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX told_touched ON told (touched_at);

  CREATE TABLE alerts (
    id TEXT NOT NULL PRIMARY KEY, instance TEXT NOT NULL, event_id TEXT, event_uuid TEXT, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX alerts_event_id ON alerts (instance, event_id);
  CREATE INDEX alerts_event_uuid ON alerts (instance, event_uuid);

  -- due_at: something waits in the group; high: some of it is urgent
  CREATE TABLE delivery_groups (
    destination TEXT NOT NULL, key TEXT NOT NULL, show TEXT NOT NULL,
    high INTEGER NOT NULL, due_at INTEGER, last_left_at INTEGER,
    PRIMARY KEY (destination, key)
  ) STRICT;
  CREATE INDEX delivery_groups_due ON delivery_groups (destination, high, due_at, key) WHERE due_at IS NOT NULL;
  CREATE INDEX delivery_groups_left ON delivery_groups (last_left_at) WHERE due_at IS NULL;

  CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY, destination TEXT NOT NULL, show TEXT NOT NULL, high INTEGER NOT NULL,
    next_at INTEGER NOT NULL, attempts INTEGER NOT NULL, first_attempt_at INTEGER, reason TEXT
  ) STRICT;
  CREATE INDEX batches_next ON batches (destination, next_at);

  -- batch: on its way out; without one it waits. seq: the order in which they became owed, whatever the clock said
  CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, alert TEXT NOT NULL REFERENCES alerts (id), destination TEXT NOT NULL,
    group_key TEXT NOT NULL, batch TEXT REFERENCES batches (id), high INTEGER NOT NULL, created_at INTEGER NOT NULL,
    instance TEXT NOT NULL, kind TEXT NOT NULL, event_uuid TEXT, changed_at REAL, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX deliveries_group ON deliveries (destination, group_key, batch, seq, high);
  CREATE INDEX deliveries_batch ON deliveries (batch);
  CREATE INDEX deliveries_alert ON deliveries (alert);
  CREATE INDEX deliveries_created ON deliveries (destination, created_at);
  CREATE INDEX deliveries_event ON deliveries (instance, event_uuid) WHERE kind = 'event.published';

  -- messages that MISP's REST API is asked about; their destinations are in the body
  CREATE TABLE undecided (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, event_key TEXT NOT NULL,
    since INTEGER NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX undecided_event ON undecided (instance, event_key, since);

  CREATE TABLE cursors (instance TEXT NOT NULL PRIMARY KEY, published_at REAL NOT NULL) STRICT;

  CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, delivery TEXT NOT NULL, outcome TEXT NOT NULL, at INTEGER NOT NULL,
    destination TEXT NOT NULL, event_uuid TEXT, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX records_delivery ON records (delivery, outcome);
  CREATE INDEX records_at ON records (at);
  CREATE INDEX records_event ON records (event_uuid, seq) WHERE event_uuid IS NOT NULL;
  CREATE INDEX records_told ON records (destination, at) WHERE outcome IN ('sent', 'unproven');

  -- ageless_from: since then, or since the last release of another hold, what the destination is owed has not aged
  CREATE TABLE holds (
    destination TEXT NOT NULL, kind TEXT NOT NULL, since INTEGER NOT NULL, note TEXT NOT NULL, ageless_from INTEGER NOT NULL,
    PRIMARY KEY (destination, kind)
  ) STRICT, WITHOUT ROWID;
  `,
  ],
  [
    `
  -- how asking goes: refused, silent, and for how long
  CREATE TABLE asking (instance TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT;

  -- rows that could not be read, by the table that they were in; 'check': a check found what it could not mend
  CREATE TABLE damaged (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, origin TEXT NOT NULL, body BLOB) STRICT;

  -- what is refused again and again is one line that counts
  ALTER TABLE records ADD COLUMN reason TEXT;
  CREATE INDEX records_refused ON records (event_uuid, destination, reason)
    WHERE outcome = 'refused' AND event_uuid IS NOT NULL;

  -- where the first question began: what was published before then is told by nobody
  ALTER TABLE cursors ADD COLUMN first_at REAL;

  -- publications that MISP is to confirm, and what came about their events since
  CREATE TABLE unconfirmed (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, event_key TEXT NOT NULL,
    event_id TEXT, since INTEGER NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX unconfirmed_event ON unconfirmed (instance, event_key, seq);
  CREATE INDEX unconfirmed_id ON unconfirmed (instance, event_id);

  -- instances whose feed tells of tags
  CREATE TABLE tagged (instance TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

  -- which attributes of an event a destination was told last
  CREATE TABLE told_parts (
    instance TEXT NOT NULL, event_uuid TEXT NOT NULL, destination TEXT NOT NULL, touched_at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (instance, event_uuid, destination)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX told_parts_touched ON told_parts (touched_at);

  -- which event an instance means by a number
  CREATE TABLE aliases (
    instance TEXT NOT NULL, id TEXT NOT NULL, event_key TEXT NOT NULL, unsure INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX aliases_event ON aliases (instance, event_key);

  -- what of a part of an event is stricter than its event, or deleted
  CREATE TABLE parts (
    instance TEXT NOT NULL, event_key TEXT NOT NULL, part TEXT NOT NULL, id TEXT NOT NULL, touched_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (instance, event_key, part, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX parts_named ON parts (instance, part, id);
  CREATE INDEX parts_touched ON parts (touched_at);

  -- an event was known by its number, and is known by its UUID; two rows of one event become one
  CREATE TEMP TABLE renamed (
    instance TEXT NOT NULL, id TEXT NOT NULL, uuid TEXT NOT NULL, PRIMARY KEY (instance, id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO renamed SELECT instance, key, uuid FROM events WHERE uuid IS NOT NULL AND key <> uuid;
  INSERT INTO aliases SELECT instance, id, uuid, 0 FROM renamed;
  INSERT INTO parts
    SELECT a.instance, coalesce(r.uuid, a.event_key), 'attribute', a.id, a.touched_at, a.body
    FROM attributes a LEFT JOIN renamed r ON r.instance = a.instance AND r.id = a.event_key;
  DROP TABLE attributes;
  UPDATE undecided SET event_key = r.uuid FROM renamed r
    WHERE r.instance = undecided.instance AND r.id = undecided.event_key;
  DROP TABLE renamed;
  `,
    uniteTwins,
    `
  UPDATE OR IGNORE events SET key = uuid WHERE uuid IS NOT NULL AND key <> uuid;
  CREATE TRIGGER events_gone AFTER DELETE ON events BEGIN
    DELETE FROM aliases WHERE instance = old.instance AND event_key = old.key;
  END;

  ALTER TABLE deliveries ADD COLUMN version TEXT;
  -- seq: of the delivery, which tells what was planned last; version: of the publication that it told
  ALTER TABLE told ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE told ADD COLUMN version TEXT;
  UPDATE told SET seq = coalesce((
    SELECT max(d.seq) FROM deliveries d
    WHERE d.instance = told.instance AND d.event_uuid = told.event_uuid AND d.kind = 'event.published'
      AND d.destination = told.destination AND d.changed_at <= told.changed_at), 0);
  `,
  ],
  [
    `
  -- what a group collects beside the ordinary: a digest, what quiet hours hold, a flood; note: the same of a batch, in words
  ALTER TABLE delivery_groups ADD COLUMN collects TEXT;
  ALTER TABLE batches ADD COLUMN note TEXT;
  CREATE INDEX delivery_groups_collects ON delivery_groups (destination, collects) WHERE collects IS NOT NULL;

  -- how fast alerts come to a destination, and the floods that are on
  CREATE TABLE floods (destination TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- which parts an event has that alerts are owed about: what is not among them is gone
  CREATE TABLE listings (
    instance TEXT NOT NULL, event_key TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (instance, event_key)
  ) STRICT;
  CREATE TRIGGER alerts_gone AFTER DELETE ON alerts BEGIN
    DELETE FROM listings WHERE instance = old.instance AND event_key = old.event_uuid
      AND NOT EXISTS (SELECT 1 FROM alerts WHERE instance = old.instance AND event_uuid = old.event_uuid);
  END;

  -- muted: how much was settled so; the body has what and why
  CREATE TABLE silences (
    id TEXT NOT NULL PRIMARY KEY, until INTEGER NOT NULL, muted INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX silences_until ON silences (until);

  -- when a pause ends by itself
  ALTER TABLE holds ADD COLUMN until INTEGER;

  -- what an alert that is stored whole has beyond one row; more: how many bytes that is
  CREATE TABLE alert_pages (
    alert TEXT NOT NULL, page INTEGER NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (alert, page)
  ) STRICT;
  ALTER TABLE alerts ADD COLUMN more INTEGER NOT NULL DEFAULT 0;
  CREATE TRIGGER alert_pages_gone AFTER DELETE ON alerts BEGIN
    DELETE FROM alert_pages WHERE alert = old.id;
  END;

  -- part, parts: which of how many payloads it is; group_key: of the group that it was formed from, where that is known.
  -- delivery, body: it has a part of this one delivery, and which; the delivery names the first part that is left as its batch
  ALTER TABLE batches ADD COLUMN part INTEGER;
  ALTER TABLE batches ADD COLUMN parts INTEGER;
  ALTER TABLE batches ADD COLUMN group_key TEXT;
  ALTER TABLE batches ADD COLUMN delivery TEXT;
  ALTER TABLE batches ADD COLUMN body TEXT;
  CREATE INDEX batches_delivery ON batches (delivery, part) WHERE delivery IS NOT NULL;

  -- deliveries that leave in several parts: what the destination knows once it has all, and what became of those before
  CREATE TABLE cuts (delivery TEXT NOT NULL PRIMARY KEY, told TEXT, body TEXT NOT NULL) STRICT;
  CREATE TRIGGER deliveries_gone AFTER DELETE ON deliveries BEGIN
    DELETE FROM batches WHERE delivery = old.id;
    DELETE FROM cuts WHERE delivery = old.id;
  END;

  -- what is on its way out about one event, in the order in which it became owed
  CREATE INDEX deliveries_leaving ON deliveries (destination, event_uuid, instance, seq)
    WHERE batch IS NOT NULL AND event_uuid IS NOT NULL;
  `,
  ],
  [
    `
  -- what a destination knows once it has all parts of a delivery: apart, because it may be megabytes, and what became of the
  -- parts before changes with each of them
  CREATE TABLE cuts_told (delivery TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT;
  INSERT INTO cuts_told SELECT delivery, told FROM cuts WHERE told IS NOT NULL;
  ALTER TABLE cuts DROP COLUMN told;
  DROP TRIGGER deliveries_gone;
  CREATE TRIGGER deliveries_gone AFTER DELETE ON deliveries BEGIN
    DELETE FROM batches WHERE delivery = old.id;
    DELETE FROM cuts WHERE delivery = old.id;
    DELETE FROM cuts_told WHERE delivery = old.id;
  END;
  `,
  ],
  [
    `
  -- its number, where it reminds of what was told before; 0: its readers are reminded of it once it is told
  ALTER TABLE deliveries ADD COLUMN reminder INTEGER;
  CREATE INDEX deliveries_reminder ON deliveries (event_uuid, instance, destination) WHERE reminder > 0;

  -- who looks after an event, since when: nobody is reminded of what was owed before
  CREATE TABLE acknowledged (
    event_uuid TEXT NOT NULL, instance TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
    PRIMARY KEY (event_uuid, instance)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX acknowledged_at ON acknowledged (at);
  -- which events a destination was told of, and what has become of them; root: the message that others follow
  CREATE TABLE follows (
    instance TEXT NOT NULL, event_uuid TEXT NOT NULL, destination TEXT NOT NULL, touched_at INTEGER NOT NULL, root TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (instance, event_uuid, destination)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX follows_touched ON follows (touched_at);

  -- messages that may still be changed, with what they show; due_at: they are to be looked at again, urgent: as something in
  -- them is withdrawn; revision: counts what has changed of that
  CREATE TABLE posts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, destination TEXT NOT NULL, at INTEGER NOT NULL,
    reply INTEGER NOT NULL, due_at INTEGER, urgent INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, edited_at INTEGER, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX posts_due ON posts (destination, due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX posts_destination ON posts (destination, seq);
  CREATE INDEX posts_at ON posts (at);
  CREATE TABLE post_events (
    instance TEXT NOT NULL, event_uuid TEXT NOT NULL, destination TEXT NOT NULL, post TEXT NOT NULL,
    PRIMARY KEY (instance, event_uuid, destination, post)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX post_events_post ON post_events (post);
  CREATE TRIGGER posts_gone AFTER DELETE ON posts BEGIN
    DELETE FROM post_events WHERE post = old.id;
  END;
  `,
  ],
  [
    `
  -- since: since when it is to be changed; reason: why the last attempt to do so has failed
  ALTER TABLE posts ADD COLUMN since INTEGER;
  ALTER TABLE posts ADD COLUMN reason TEXT;
  UPDATE posts SET since = due_at WHERE due_at IS NOT NULL;

  -- when attributes were sighted, each sighting once; attribute: its UUID, or its number where that is all that is told
  CREATE TABLE sightings (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, attribute TEXT NOT NULL, name TEXT NOT NULL,
    type TEXT NOT NULL, at REAL NOT NULL,
    UNIQUE (instance, name)
  ) STRICT;
  CREATE INDEX sightings_attribute ON sightings (instance, attribute, type, at);
  CREATE INDEX sightings_at ON sightings (at);
  -- the instances whose sightings are counted, and since when none is missing
  CREATE TABLE sightings_since (instance TEXT NOT NULL PRIMARY KEY, at REAL NOT NULL) STRICT, WITHOUT ROWID;

  -- in the order in which they leave: what goes first is found without a look at the rest
  DROP INDEX batches_next;
  CREATE INDEX batches_due ON batches (destination, high, next_at, part);

  -- whole: a program's, who is told of each part that is taken back; kept as long as who was told of the event
  ALTER TABLE told_parts ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX told_parts_shown ON told_parts (touched_at) WHERE whole = 0;
  `,
  ],
];

/** The newest schema that this program knows. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings a database of schema `version` to SCHEMA_VERSION, in one transaction. */
export function migrate(db: Database, version: number): void {
  if (version === SCHEMA_VERSION) {
    return;
  }
  db.exec("BEGIN IMMEDIATE");
  try {
    for (const step of MIGRATIONS.slice(version).flat()) {
      if (typeof step === "string") {
        db.exec(step);
      } else {
        step(db);
      }
    }
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  } catch (error) {
    rollback(db);
    throw error;
  }
}

function rollback(db: Database): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // On a full disk or an I/O error SQLite has rolled back by itself.
  }
}
