-- +goose Up
-- How many transactions have been committed that wrote something, so that a mark beside the
-- file can tell when the file has lost some, and what database this is. What was deleted
-- before this was not written over: until that is cleaned once, cleaned is 0.
create table commits (
    one      integer not null primary key check (one = 1),
    counted  integer not null,
    database text not null,
    cleaned  integer not null
) strict;

insert into commits (one, counted, database, cleaned)
    values (1, 0, lower(hex(randomblob(8))), not exists (select 1 from changes));
