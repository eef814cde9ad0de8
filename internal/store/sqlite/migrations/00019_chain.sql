-- +goose Up

-- The places of the feed are a chain: each has the hash of what it names and of the place
-- before, as 64 hexadecimal digits; '' until it has one. The revision of chain is the last
-- place that has.
alter table feed add column hash text not null default '';
insert into revisions (name, rev) values ('chain', 0);
