-- +goose Up

-- What another system, such as a payment provider, calls a customer: unique among
-- all. Programs of version 2 leave both out; an entry whose customer one of them has
-- deleted is nobody's.
alter table customers add column external_id text not null default '';

create table customer_external_ids (
    external_id text not null primary key,
    customer_id text not null
) strict, without rowid;
