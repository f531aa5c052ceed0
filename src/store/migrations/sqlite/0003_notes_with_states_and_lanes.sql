-- No version before this one wrote a note (no target was connected), so the table is made anew.
drop table note;

-- The outbox: what must arrive elsewhere. The once-only key survives restarts; a note of the same
-- key with a later revision amends this one. A lane keeps what concerns one call at one target in
-- order (`place`). `since` is when this revision began to wait, `sent_revision` what the last
-- attempt told, `external` what the adapter left for amendments, `repeated` whether it was sent
-- again although nobody could look it up, `looks` how often it was looked up since it was sent.
create table note (
  id            text primary key,
  once_key      text not null unique,
  target        text not null,
  lane          text not null,
  place         bigint not null,
  call          text,
  kind          text not null,
  revision      bigint not null,
  sent_revision bigint not null,
  state         text not null,
  body          text not null,
  external      text,
  due_at        bigint not null,
  since         bigint not null,
  tries         bigint not null,
  repeated      bigint not null,
  looks         bigint not null,
  claimed_by    text,
  claimed_until bigint not null,
  told          text,
  created_at    bigint not null,
  ended_at      bigint
);
create index note_due on note (state, target, due_at, place);
create index note_since on note (state, target, since);
create index note_lane on note (lane, place);
create index note_call on note (call);
create index note_listed on note (created_at, id);
create index note_ended on note (state, ended_at);

-- What an adapter must not forget: tokens that change, chats that moved.
create table outlet_word (
  target     text not null,
  key        text not null,
  word       text not null,
  changed_at bigint not null,
  primary key (target, key)
);

-- How the cards of a call fared at each CRM: when the request left, and what became of it.
create table pop_told (
  call     text not null,
  target   text not null,
  offer    bigint not null,
  operator text not null,
  rang_at  bigint not null,
  left_at  bigint,
  shown    bigint not null,
  why      text,
  at       bigint not null,
  primary key (call, target, offer)
);
create index pop_told_at on pop_told (at);

-- What each CRM said of the client of a call.
create table client_view (
  call text not null,
  crm  text not null,
  at   bigint not null,
  doc  text not null,
  primary key (call, crm)
);
create index client_view_at on client_view (at);
