-- +goose Up

-- What customers have beside their allowances, such as top-ups. A grant never changes, but
-- for what is told of its end: ended_on, clawed_back_on, voided_as; and set_aside_on, which
-- is the largest integer of one that answers depend on. only_codes is a JSON array of
-- features, cost_basis a decimal number or ''. line counts the grants of one purchase,
-- which share an external id.
create table grants (
    customer_id    text collate "C" not null references customers (customer_id),
    grant_id       text collate "C" not null,
    feature_code   text collate "C" not null,
    amount         bigint not null,
    effective_on   bigint not null,
    expires_on     bigint not null,
    priority       bigint not null,
    kind           text collate "C" not null,
    only_codes     text collate "C" not null,
    cost_basis     text collate "C" not null,
    note           text collate "C" not null,
    pack           text collate "C" not null,
    line           bigint not null,
    external_id    text collate "C" not null,
    asked          text collate "C" not null,
    actor          text collate "C" not null,
    created_on     bigint not null,
    ended_on       bigint,
    clawed_back_on bigint,
    voided_as      text collate "C" not null,
    set_aside_on   bigint not null,
    primary key (customer_id, grant_id)
);

create index grants_at_hand on grants (customer_id, set_aside_on);
create unique index grants_by_external_id on grants (customer_id, external_id, line) where external_id <> '';
