-- +goose Up

-- What an agreement was agreed on: what its periods are counted from, what its trial
-- turns into, how it came about. Programs of version 2 leave all of it out; an
-- agreement of theirs has its periods from the customer's anchor, as before.
alter table agreements add column anchor_on bigint;
alter table agreements add column term_from bigint;
alter table agreements add column trial_then text collate "C" not null default '';
alter table agreements add column origin text collate "C" not null default '';
alter table agreements add column at_period_end bigint not null default 0;
alter table agreements add column external_id text collate "C" not null default '';
alter table agreements add column metadata text collate "C" not null default '{}';

create table agreement_external_ids (
    external_id text collate "C" not null primary key,
    customer_id text collate "C" not null,
    agreement_id text collate "C" not null
);

-- The time zones of a customer, a JSON array of {"name", "from"}, and whether its
-- anchor was given.
alter table customers add column anchor_given bigint not null default 0;
alter table customers add column zones text collate "C" not null default '[]';

alter table plan_groups add column fallback text collate "C" not null default '';

alter table overrides add column at_least bigint;

-- Programs of version 2 may run beside those of this one until somebody says that none
-- does. A database that is made new has the mark taken away at once.
insert into settings (name, value) values ('unfinished', '4');
