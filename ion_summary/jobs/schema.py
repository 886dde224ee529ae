"""Which tables does jobs.sqlite have, and how did they become what they are?

``user_version`` counts the migrations that have been made; a new one is added at the end, an old one never changed.
Times are epoch milliseconds, costs US dollars.
"""

from __future__ import annotations

#: States of a job. ANSWERED: the result is here, and not yet in the record. GIVEN_UP: to ask again would fail again.
#: BATCHED: it is in a batch, which belongs to nobody as soon as it is sent.
WAITING, CLAIMED, ANSWERED, STORED, GIVEN_UP, SKIPPED, BATCHED = range(7)

_FIRST = """
CREATE TABLE owner(
    id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, started TEXT NOT NULL, machine TEXT NOT NULL,
    lease_ms INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0);
CREATE TABLE job(
    id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL UNIQUE, user TEXT NOT NULL,
    content TEXT NOT NULL, ended_ms INTEGER NOT NULL, priority INTEGER NOT NULL,
    max_bullets INTEGER NOT NULL, max_chars INTEGER NOT NULL, temperature REAL NOT NULL,
    queued_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, state INTEGER NOT NULL, owner INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0, code TEXT, reason TEXT, fingerprint TEXT, result TEXT);
CREATE INDEX job_state ON job(state, priority DESC, id);
CREATE TABLE result(key TEXT PRIMARY KEY, made_ms INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE result_use(
    key TEXT NOT NULL, session TEXT NOT NULL, paid INTEGER NOT NULL, PRIMARY KEY(key, session)) WITHOUT ROWID;
CREATE INDEX result_use_session ON result_use(session);
CREATE TABLE call(
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, session TEXT, user TEXT, key TEXT NOT NULL,
    mode TEXT NOT NULL, model TEXT NOT NULL, sent_ms INTEGER NOT NULL, ended_ms INTEGER, outcome TEXT, reason TEXT,
    input INTEGER NOT NULL DEFAULT 0, output INTEGER NOT NULL DEFAULT 0, cached INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL);
CREATE INDEX call_open ON call(key) WHERE outcome IS NULL;
CREATE INDEX call_sent ON call(sent_ms, cost_usd);
CREATE INDEX call_owner ON call(owner);
CREATE INDEX call_session ON call(session);
CREATE TABLE batch(
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, made_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    name TEXT, done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE batch_request(
    batch INTEGER NOT NULL, place INTEGER NOT NULL, job INTEGER NOT NULL, content TEXT NOT NULL, key TEXT NOT NULL,
    body TEXT NOT NULL, call INTEGER, PRIMARY KEY(batch, place)) WITHOUT ROWID;
CREATE INDEX batch_request_job ON batch_request(job);
CREATE INDEX batch_request_key ON batch_request(batch, key)
"""

MIGRATIONS = (_FIRST,)
