-- +goose Up

-- Images of the facts of a customer that had not ended when a change was made: from the
-- last one before an instant on, the changes that follow are done again, however long
-- the log is. after_facts is as in an entry facts.adopted. Programs of the version
-- before write none, which takes more changes and is right as well.
create table images (
    customer_id  text collate "C" not null,
    happened_on  bigint not null,
    customer_rev bigint not null,
    after_facts  text collate "C" not null,
    primary key (customer_id, happened_on, customer_rev)
);

-- What was imported stands as if it had always been there, so that it is looked for
-- behind every instant.
create index agreements_imported on agreements (customer_id, created_on, agreement_id) where origin = 'import';
