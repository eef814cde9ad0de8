-- +goose Up

-- A customer's facts as memory has them, in one row: made of the others with each change
-- of them, where facts are read by this, and made anew where it is not there. A deleted
-- customer has none.
create table packed_facts (
    customer_id text not null primary key,
    packed      blob not null
) strict, without rowid;
