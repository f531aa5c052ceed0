-- Times are milliseconds since 1970 UTC, lengths milliseconds, truths 0 or 1, documents JSON text.

-- How far each follower of the journal has come.
create table follower (
  name text primary key,
  seq  bigint not null
);

-- Whole calls; the columns are what lists filter and count by, the document is the rest.
create table call (
  id          text primary key,
  call_key    text not null,
  provider    text not null,
  account     text not null,
  authority   text not null,
  direction   text,
  client      text,
  queue       text,
  answered_by text,
  placed_by   text,
  missed      bigint not null,
  disposition text not null,
  outcome     text,
  started_at  bigint not null,
  ended_at    bigint,
  settled     bigint not null,
  talk_for    bigint,
  revision    bigint not null,
  doc         text not null
);
create index call_started on call (started_at, id);
create index call_client on call (client, started_at, id);
create index call_queue on call (queue, started_at, id);
create index call_key on call (call_key);

-- One wait in one queue. `missed` is the call's, on its last wait only.
create table entry (
  call        text not null,
  place       bigint not null,
  id          bigint not null,
  queue       text not null,
  provider    text not null,
  account     text not null,
  enqueued_at bigint not null,
  done_at     bigint,
  outcome     text,
  wait_for    bigint,
  missed      bigint not null,
  primary key (call, place)
);
create index entry_enqueued on entry (enqueued_at);
create index entry_queue on entry (queue, enqueued_at);

-- One attempt at one operator.
create table offer (
  call           text not null,
  place          bigint not null,
  id             bigint not null,
  entry          bigint,
  operator       text not null,
  queue          text,
  account        text not null,
  offered_at     bigint not null,
  ringing_at     bigint,
  answered_at    bigint,
  over_at        bigint,
  end_word       text,
  counts_as_miss bigint not null,
  primary key (call, place)
);
create index offer_operator on offer (operator, offered_at);
create index offer_offered on offer (offered_at);

-- Who talked from when to when.
create table talk (
  call     text not null,
  place    bigint not null,
  operator text not null,
  queue    text,
  from_at  bigint not null,
  to_at    bigint,
  primary key (call, place)
);
create index talk_operator on talk (operator, from_at);
create index talk_from on talk (from_at);

-- Missed-call episodes.
create table episode (
  id        bigint primary key,
  client    text,
  grouping  text not null,
  queue     text not null,
  state     text not null,
  closed    bigint not null,
  reason    text not null,
  owner     text,
  due_at    bigint,
  first_at  bigint not null,
  last_at   bigint not null,
  closed_at bigint,
  revision  bigint not null,
  doc       text not null
);
create index episode_last on episode (closed, last_at, id);
create index episode_client on episode (client);

-- Rounds of entries, and what each said of each operator. Keyed by the record's place.
create table decision (
  seq   bigint primary key,
  call  text not null,
  entry bigint not null,
  queue text not null,
  round bigint not null,
  at    bigint not null,
  whole bigint not null,
  doc   text not null
);
create index decision_call on decision (call, seq);
create index decision_at on decision (at);
create table decision_member (
  seq      bigint not null,
  operator text not null,
  queue    text not null,
  at       bigint not null,
  tier     bigint not null,
  sort_key bigint not null,
  ruling   bigint not null,
  chosen   bigint not null,
  primary key (seq, operator)
);
create index decision_member_operator on decision_member (operator, at);
create index decision_member_ruling on decision_member (operator, queue, seq);
create index decision_member_at on decision_member (at);

-- Every change of an operator on one of the three axes.
create table presence (
  seq      bigint primary key,
  operator text not null,
  at       bigint not null,
  intent   text not null,
  reach    text not null,
  work     text not null,
  doc      text not null
);
create index presence_operator on presence (operator, at);
create index presence_at on presence (at);

-- The outbox: what must arrive elsewhere. The once-only key survives restarts.
create table note (
  id            text primary key,
  once_key      text not null unique,
  target        text not null,
  body          text not null,
  due_at        bigint not null,
  tries         bigint not null,
  claimed_by    text,
  claimed_until bigint not null,
  sent_at       bigint,
  dead_at       bigint,
  unclear       bigint not null,
  told          text,
  created_at    bigint not null
);
create index note_due on note (sent_at, dead_at, due_at, id);

-- Who may sign in. The password is an argon2 hash; without one only a link opens the account.
create table person (
  login      text primary key,
  role       text not null,
  queues     text not null,
  operator   text,
  language   text,
  password   text,
  disabled   bigint not null,
  created_at bigint not null
);

-- Sessions of browsers, by the hash of their secret.
create table session (
  hash       text primary key,
  login      text not null,
  csrf       text not null,
  created_at bigint not null,
  seen_at    bigint not null
);
create index session_login on session (login);

-- Tokens of programs, by the hash of their secret.
create table token (
  hash       text primary key,
  name       text not null unique,
  role       text not null,
  queues     text not null,
  created_by text not null,
  created_at bigint not null,
  used_at    bigint,
  revoked_at bigint
);

-- One-time links, by the hash of their secret.
create table link (
  hash       text primary key,
  login      text not null,
  role       text not null,
  created_at bigint not null,
  expires_at bigint not null,
  used_at    bigint
);

-- Who did what.
create table audit (
  id     text primary key,
  at     bigint not null,
  login  text not null,
  act    text not null,
  object text not null,
  doc    text not null
);
create index audit_at on audit (at, id);

-- What stands for a number in front of people who may not see it.
create table number_ref (
  ref    text primary key,
  number text not null unique
);

-- Operators, queues and the like made in the pages.
create table made (
  kind       text not null,
  name       text not null,
  doc        text not null,
  changed_at bigint not null,
  primary key (kind, name)
);

-- Answers of actions by their key, so that a repeated action gets the first answer.
create table idempotency (
  login      text not null,
  once_key   text not null,
  request    text not null,
  status     bigint,
  body       text,
  created_at bigint not null,
  primary key (login, once_key)
);
create index idempotency_created on idempotency (created_at);
