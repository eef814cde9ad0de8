-- +goose Up

-- The row of all time says how usage of a feature stands, so that a decision can be made
-- on it alone: a version that every writer moves, the revision of the customer's facts
-- that it was last told of, one window, and what is held in it at an instant. Without a
-- window the rest says nothing. Programs of version 2 move none of it: it is made use of once
-- somebody says that none of them runs.
alter table counters add column version integer not null default 0;
alter table counters add column rev integer not null default 0;
alter table counters add column present_start integer;
alter table counters add column present_end integer;
alter table counters add column present_used integer not null default 0;
alter table counters add column held integer not null default 0;
alter table counters add column held_on integer;

-- The lanes of a customer, without the windows that it has had.
create index counters_of_all_time on counters (customer_id, feature_code)
    where window_start = -9223372036854775807 - 1;

-- Records in the order in which they are summed, in the place of usage_records: what is
-- there is moved. Ids that callers gave are unique, and stand beside; those made here
-- tell when they were made.
create table records (
    customer_id  text not null,
    feature_code text not null,
    counted_on   integer not null,
    record_id    text not null,
    kind         text not null,
    value        integer not null,
    change       integer not null,
    stamp        integer not null,
    recorded_on  integer not null,
    actor        text not null,
    primary key (customer_id, feature_code, counted_on, record_id)
) strict, without rowid;

create index record_readings on records (customer_id, feature_code, stamp, counted_on)
    where kind = 'absolute';

create table record_ids (
    customer_id  text not null,
    record_id    text not null,
    feature_code text not null,
    counted_on   integer not null,
    primary key (customer_id, record_id)
) strict, without rowid;

-- Up to which customer records are moved; gone when all are.
insert into settings (name, value) select 'moving', '' where exists (select 1 from usage_records);
