-- +goose Up

-- What records draw from sources other than the allowance of the window that they count
-- in, in the tree of their records. place is the order in which a record drew; pays names
-- the grant whose debt is paid, else ''.
create table draws (
    customer_id  text collate "C" not null,
    feature_code text collate "C" not null,
    counted_on   bigint not null,
    record_id    text collate "C" not null,
    source       text collate "C" not null,
    pays         text collate "C" not null,
    place        bigint not null,
    units        bigint not null,
    recorded_on  bigint not null,
    primary key (customer_id, feature_code, counted_on, record_id, source, pays)
);

-- The last two columns of both are what a sum reads.
create index draws_by_source
    on draws (customer_id, feature_code, source, counted_on, record_id, pays, units, recorded_on);
create index draws_paying
    on draws (customer_id, feature_code, pays, counted_on, units, recorded_on) where pays <> '';

-- The sums of draws by source, and others that are named as if they were one.
create table sources (
    customer_id  text collate "C" not null,
    feature_code text collate "C" not null,
    source       text collate "C" not null,
    drawn        bigint not null,
    primary key (customer_id, feature_code, source)
);

-- Of records that name others: which one a record corrects, and of which one it is the twin
-- in a pool. They stand here and not in records, where each record would have them.
create table record_links (
    customer_id  text collate "C" not null,
    record_id    text collate "C" not null,
    feature_code text collate "C" not null,
    counted_on   bigint not null,
    corrects     text collate "C" not null,
    of_record    text collate "C" not null,
    primary key (customer_id, record_id)
);

create index record_links_by_corrects on record_links (customer_id, corrects, feature_code, counted_on) where corrects <> '';
create index record_links_by_of on record_links (customer_id, of_record, feature_code, counted_on) where of_record <> '';

-- Whether usage of a feature was ever drawn from a source that has a name.
alter table counters add column pooled bigint not null default 0;

-- What a hold sets aside of sources, a JSON document; '' is none. The twin in the pool of
-- a hold of a feature that burns, and of that one the hold.
alter table holds add column pins text collate "C" not null default '';
alter table holds add column twin text collate "C" not null default '';
alter table holds add column of_hold text collate "C" not null default '';
