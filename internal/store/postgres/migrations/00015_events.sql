-- +goose Up

-- What happened without being a change of facts: what time caused and what usage did. It
-- has no revision and locks nothing. cause tells one from another within its scope; facts
-- is a JSON object of texts, features a JSON array. seq is its place in the feed, null
-- until it has one.
create table events (
    customer_id text collate "C" not null,
    cause       text collate "C" not null,
    kind        text collate "C" not null,
    happened_on bigint not null,
    actor       text collate "C" not null,
    facts       text collate "C" not null,
    features    text collate "C" not null,
    seq         bigint,
    primary key (customer_id, cause)
);

create index events_unsequenced on events (happened_on, customer_id, cause) where seq is null;

-- A place of the feed has a change or, with a cause, an event. placed_on is when it was
-- given; 0 is before there were such times.
alter table feed add column cause text collate "C" not null default '';
alter table feed add column placed_on bigint not null default 0;
create index feed_by_scope on feed (scope, seq);

-- Up to when events of time are told of a customer, and when the next may be.
create table dues (
    customer_id text collate "C" not null primary key,
    told_on     bigint not null,
    due_on      bigint not null
);

-- Whosever they are, the next first.
create index dues_by_time on dues (due_on, customer_id);

-- Marks of usage that were reached, so that each is told once.
create table marks (
    customer_id  text collate "C" not null,
    feature_code text collate "C" not null,
    mark         text collate "C" not null,
    reached_on   bigint not null,
    primary key (customer_id, feature_code, mark)
);
