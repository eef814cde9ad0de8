-- +goose Up

-- Endpoints that are told of what happens. events is a JSON array of types, empty for all;
-- the secrets are sealed.
create table webhooks (
    webhook_id    text collate "C" not null primary key,
    url           text collate "C" not null,
    format        text collate "C" not null,
    events        text collate "C" not null,
    description   text collate "C" not null,
    secret        bytea not null,
    old_secret    bytea not null,
    old_until     bigint,
    state         text collate "C" not null,
    reason        text collate "C" not null,
    disabled_on   bigint,
    failing_since bigint,
    begin_seq     bigint not null,
    replay_after  bigint not null,
    replay_until  bigint not null,
    created_on    bigint not null,
    changed_on    bigint not null
);

-- What they are told, by the place in the feed; scope is whose it is, within which order is
-- kept. Nothing in it is personal.
create table deliveries (
    webhook_id   text collate "C" not null,
    seq          bigint not null,
    part         bigint not null,
    scope        text collate "C" not null,
    kind         text collate "C" not null,
    status       text collate "C" not null,
    attempts     bigint not null,
    created_on   bigint not null,
    attempted_on bigint,
    took         bigint not null,
    answer       bigint not null,
    fault        text collate "C" not null,
    done_on      bigint not null,
    primary key (webhook_id, seq, part)
);

create index deliveries_by_scope on deliveries (webhook_id, scope, seq, part) where status = 'pending';
create index deliveries_waiting on deliveries (webhook_id, created_on) where status = 'pending';
create index deliveries_by_age on deliveries (done_on);

-- A queue has what is pending for one endpoint of one scope, and when the first of it may
-- be sent: what waits behind it costs no look.
create table queues (
    webhook_id text collate "C" not null,
    scope      text collate "C" not null,
    next_on    bigint not null,
    primary key (webhook_id, scope)
);

create index queues_by_time on queues (webhook_id, next_on, scope);
