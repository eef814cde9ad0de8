-- +goose Up

-- What an agreement was agreed on: what its periods are counted from, what its trial
-- turns into, how it came about. Programs of version 2 leave all of it out; an
-- agreement of theirs has its periods from the customer's anchor, as before.
alter table agreements add column anchor_on integer;
alter table agreements add column term_from integer;
alter table agreements add column trial_then text not null default '';
alter table agreements add column origin text not null default '';
alter table agreements add column at_period_end integer not null default 0;
alter table agreements add column external_id text not null default '';
alter table agreements add column metadata text not null default '{}';

create table agreement_external_ids (
    external_id  text not null primary key,
    customer_id  text not null,
    agreement_id text not null
) strict, without rowid;

-- The time zones of a customer, a JSON array of {"name", "from"}, and whether its
-- anchor was given.
alter table customers add column anchor_given integer not null default 0;
alter table customers add column zones text not null default '[]';

alter table plan_groups add column fallback text not null default '';

alter table overrides add column at_least integer;

-- The one server there is adopts what programs of version 2 left in the log: see
-- docs/decisions/0018.
insert into settings (name, value) select 'adopting', '' where exists (select 1 from changes);
