-- What happened, in the order the engine decided it.
create table record (
  seq  integer primary key,
  mono integer not null,
  wall integer not null,
  kind text not null,
  body text not null
);

-- Raw requests of providers, in the order they were committed. A repeat is kept and points at
-- the first of its kind. What is searched stands before what is long.
create table inbox (
  seq          integer primary key,
  account      text not null,
  provider     text not null,
  received     integer not null,
  fingerprint  text,
  verdict      text not null,
  duplicate_of integer,
  kind         text not null,
  method       text not null,
  path         text not null,
  query        text not null,
  headers      text not null,
  body         blob not null
);
-- Covers the counters of each account and finds what retention deletes.
create index inbox_received on inbox (received, account, verdict, duplicate_of);

-- Which calls a request tells of.
create table inbox_key (
  call_key text not null,
  seq      integer not null,
  primary key (call_key, seq)
) without rowid;

-- The engine's whole state after the record of that place; a restart folds from here.
create table state (
  seq   integer primary key,
  bytes blob not null
);

-- Records that reached the disk late, or not at all.
create table gap (
  id        integer primary key,
  from_seq  integer not null,
  to_seq    integer not null,
  began_at  integer not null,
  ended_at  integer not null,
  lost      integer not null,
  cause     text not null
);

-- The last request that the engine took in whole.
create table mark (
  name  text primary key,
  value integer not null
) without rowid;
insert into mark (name, value) values ('heard', 0);
