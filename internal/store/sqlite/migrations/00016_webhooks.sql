-- +goose Up

-- Endpoints that are told of what happens. events is a JSON array of types, empty for all;
-- the secrets are sealed.
create table webhooks (
    webhook_id    text not null primary key,
    url           text not null,
    format        text not null,
    events        text not null,
    description   text not null,
    secret        blob not null,
    old_secret    blob not null,
    old_until     integer,
    state         text not null,
    reason        text not null,
    disabled_on   integer,
    failing_since integer,
    begin_seq     integer not null,
    replay_after  integer not null,
    replay_until  integer not null,
    created_on    integer not null,
    changed_on    integer not null
) strict, without rowid;

-- What they are told, by the place in the feed; scope is whose it is, within which order is
-- kept. Nothing in it is personal. It has rowids, else SQLite goes by the key where the
-- index of what waits is meant.
create table deliveries (
    webhook_id   text not null,
    seq          integer not null,
    part         integer not null,
    scope        text not null,
    kind         text not null,
    status       text not null,
    attempts     integer not null,
    created_on   integer not null,
    attempted_on integer,
    took         integer not null,
    answer       integer not null,
    fault        text not null,
    done_on      integer not null,
    primary key (webhook_id, seq, part)
) strict;

create index deliveries_by_scope on deliveries (webhook_id, scope, seq, part) where status = 'pending';
create index deliveries_waiting on deliveries (webhook_id, created_on) where status = 'pending';
create index deliveries_by_age on deliveries (done_on);

-- A queue has what is pending for one endpoint of one scope, and when the first of it may
-- be sent: what waits behind it costs no look.
create table queues (
    webhook_id text not null,
    scope      text not null,
    next_on    integer not null,
    primary key (webhook_id, scope)
) strict, without rowid;

create index queues_by_time on queues (webhook_id, next_on, scope);
