-- +goose Up

-- What customers have beside their allowances, such as top-ups. A grant never changes, but
-- for what is told of its end: ended_on, clawed_back_on, voided_as; and set_aside_on, which
-- is the largest integer of one that answers depend on. only_codes is a JSON array of
-- features, cost_basis a decimal number or ''. line counts the grants of one purchase,
-- which share an external id.
create table grants (
    customer_id    text    not null references customers (customer_id),
    grant_id       text    not null,
    feature_code   text    not null,
    amount         integer not null,
    effective_on   integer not null,
    expires_on     integer not null,
    priority       integer not null,
    kind           text    not null,
    only_codes     text    not null,
    cost_basis     text    not null,
    note           text    not null,
    pack           text    not null,
    line           integer not null,
    external_id    text    not null,
    asked          text    not null,
    actor          text    not null,
    created_on     integer not null,
    ended_on       integer,
    clawed_back_on integer,
    voided_as      text    not null,
    set_aside_on   integer not null,
    primary key (customer_id, grant_id)
) strict, without rowid;

create index grants_at_hand on grants (customer_id, set_aside_on);
create unique index grants_by_external_id on grants (customer_id, external_id, line) where external_id <> '';
