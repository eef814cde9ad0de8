-- +goose Up

-- What happened without being a change of facts: what time caused and what usage did. It
-- has no revision and locks nothing. cause tells one from another within its scope; facts
-- is a JSON object of texts, features a JSON array. seq is its place in the feed, null
-- until it has one.
create table events (
    customer_id text    not null,
    cause       text    not null,
    kind        text    not null,
    happened_on integer not null,
    actor       text    not null,
    facts       text    not null,
    features    text    not null,
    seq         integer,
    primary key (customer_id, cause)
) strict, without rowid;

create index events_unsequenced on events (happened_on, customer_id, cause) where seq is null;

-- A place of the feed has a change or, with a cause, an event. placed_on is when it was
-- given; 0 is before there were such times.
alter table feed add column cause text not null default '';
alter table feed add column placed_on integer not null default 0;
create index feed_by_scope on feed (scope, seq);

-- Up to when events of time are told of a customer, and when the next may be.
create table dues (
    customer_id text    not null primary key,
    told_on     integer not null,
    due_on      integer not null
) strict, without rowid;

-- Whosever they are, the next first.
create index dues_by_time on dues (due_on, customer_id);

-- Marks of usage that were reached, so that each is told once.
create table marks (
    customer_id  text not null,
    feature_code text not null,
    mark         text not null,
    reached_on   integer not null,
    primary key (customer_id, feature_code, mark)
) strict, without rowid;
