-- +goose Up

-- For databases that have a customer's facts in one row as well, as SQLite does. Here
-- nothing is in it: nodes of the version before would not keep it.
create table packed_facts (
    customer_id text  collate "C" not null primary key,
    packed      bytea not null
);
