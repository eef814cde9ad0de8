-- +goose Up

-- The places of the feed are a chain: each has the hash of what it names and of the place
-- before, as 64 hexadecimal digits; '' until it has one. The revision of chain is the last
-- place that has.
alter table feed add column hash text collate "C" not null default '';
insert into revisions (name, rev) values ('chain', 0);

-- A digest of the rest of an answer, which verify holds it against; '' of one from before.
alter table answers add column digest text collate "C" not null default '';

-- What the change log says of personal data is made with this key, which a purge destroys;
-- '' until the customer has one.
alter table customers add column digest_key text collate "C" not null default '';
