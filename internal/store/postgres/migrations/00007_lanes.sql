-- +goose Up

-- The row of all time says how usage of a feature stands, so that a decision can be made
-- on it alone: a version that every writer moves, the revision of the customer's facts
-- that it was last told of, one window, and what is held in it at an instant. Without a
-- window the rest says nothing. Programs of version 2 move none of it: it is made use of once
-- somebody says that none of them runs.
alter table counters add column version bigint not null default 0;
alter table counters add column rev bigint not null default 0;
alter table counters add column present_start bigint;
alter table counters add column present_end bigint;
alter table counters add column present_used bigint not null default 0;
alter table counters add column held bigint not null default 0;
alter table counters add column held_on bigint;

-- The lanes of a customer, without the windows that it has had.
create index counters_of_all_time on counters (customer_id, feature_code)
    where window_start = -9223372036854775807 - 1;

-- Rows that change all the time are to stay where they are, in no index.
alter table counters set (fillfactor = 60);

-- Records in the order in which they are summed, in the place of usage_records: what is
-- there is moved. Ids that callers gave are unique, and stand beside; those made here
-- tell when they were made.
create table records (
    customer_id  text collate "C" not null,
    feature_code text collate "C" not null,
    counted_on   bigint not null,
    record_id    text collate "C" not null,
    kind         text collate "C" not null,
    value        bigint not null,
    change       bigint not null,
    stamp        bigint not null,
    recorded_on  bigint not null,
    actor        text collate "C" not null,
    primary key (customer_id, feature_code, counted_on, record_id)
);

create index record_readings on records (customer_id, feature_code, stamp, counted_on)
    where kind = 'absolute';

create table record_ids (
    customer_id  text collate "C" not null,
    record_id    text collate "C" not null,
    feature_code text collate "C" not null,
    counted_on   bigint not null,
    primary key (customer_id, record_id)
);

-- Up to which customer records are moved; gone when all are.
insert into settings (name, value) select 'moving', '' where exists (select 1 from usage_records);

-- A program that knows none of this must not start where no older one is expected.
update compatibility set oldest = 7 where oldest >= 4;
