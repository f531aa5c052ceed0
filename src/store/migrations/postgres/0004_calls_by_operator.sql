-- Who had to do with a call. The list of one operator's calls walks this, however rare they are
-- among a million; it used to look at the offers of every call.
create table call_operator (
  call     text not null references call (id) on delete cascade,
  operator text not null,
  began_at bigint not null,
  primary key (call, operator)
);
create index call_operator_began on call_operator (operator, began_at, call);
insert into call_operator (call, operator, began_at)
  select it.call, it.operator, call.started_at from (
    select call, operator from offer
    union select call, operator from talk
    union select id, answered_by from call where answered_by is not null
    union select id, placed_by from call where placed_by is not null
  ) it join call on call.id = it.call;
