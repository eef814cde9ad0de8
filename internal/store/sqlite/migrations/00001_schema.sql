-- +goose Up

-- Times are microseconds since 1970 in UTC. A time that may be absent is null,
-- but where it bounds a span: no end is the largest integer, so that "not ended"
-- is one range of an index, and no start the smallest. Text that may be absent
-- is ''. Amounts of usage are whole millionths.

-- The last change of each scope that is not a customer, and the length of the
-- feed. Updating a row is the lock of its scope.
create table revisions (
    name       text    not null primary key,
    rev        integer not null,
    changed_on integer
) strict, without rowid;

insert into revisions (name, rev) values ('catalog', 0), ('clients', 0), ('keys', 0), ('feed', 0);

-- Catalog: small, read as a whole.

create table settings (
    name  text not null primary key,
    value text not null
) strict, without rowid;

create table features (
    code           text not null primary key,
    name           text not null,
    type           text not null,
    unit           text not null,
    reset_interval text not null
) strict;

create table plan_groups (
    code          text    not null primary key,
    group_id      text    not null unique,
    name          text    not null,
    customer_type text    not null,
    is_default    integer not null
) strict;

create table plans (
    code       text    not null primary key,
    name       text    not null,
    plan_group text    not null,
    kind       text    not null,
    status     text    not null,
    archived   integer not null,
    is_default integer not null
) strict;

-- Rows of published versions never change. The terms are a JSON document,
-- because a version is only ever read as a whole.
create table plan_versions (
    plan_code    text    not null references plans (code),
    version      integer not null,
    published_on integer,
    terms        text    not null,
    primary key (plan_code, version)
) strict;

-- Customers: every key begins with customer_id.

create table customers (
    customer_id       text    not null primary key,
    type              text    not null,
    org_code          text    not null,
    user_id           text    not null,
    name              text    not null,
    email             text    not null,
    status            text    not null,
    anchor_on         integer,
    metadata          text    not null,
    search            text    not null,
    created_on        integer not null,
    changed_on        integer,
    deleted_on        integer,
    rev               integer not null,
    last_agreement_ms integer not null
) strict, without rowid;

create table agreements (
    customer_id   text    not null references customers (customer_id),
    agreement_id  text    not null,
    plan_code     text    not null,
    version       integer not null,
    kind          text    not null,
    quantity      integer not null,
    annual        integer not null,
    created_on    integer not null,
    starts_on     integer not null,
    expires_on    integer not null,
    own_end       integer,
    trial_ends_on integer,
    trial_scope   text    not null,
    carried       text    not null,
    primary key (customer_id, agreement_id),
    foreign key (plan_code, version) references plan_versions (plan_code, version)
) strict, without rowid;

create index agreements_by_end on agreements (customer_id, expires_on);
create index agreements_by_trial on agreements (customer_id, trial_scope) where trial_scope <> '';

create table overrides (
    customer_id  text    not null references customers (customer_id),
    override_id  text    not null,
    feature_code text    not null,
    has_max      integer not null,
    limit_max    integer,
    limit_add    integer not null,
    deny         integer not null,
    note         text    not null,
    actor        text    not null,
    starts_on    integer not null,
    expires_on   integer not null,
    primary key (customer_id, override_id)
) strict, without rowid;

create index overrides_by_end on overrides (customer_id, expires_on);

-- The sums of usage_records by window. Updating the row of all time is the lock
-- of a feature's usage and holds. The end of a window comes first in the key: of
-- those that have not ended there are few.
create table counters (
    customer_id  text    not null references customers (customer_id),
    feature_code text    not null,
    window_start integer not null,
    window_end   integer not null,
    used         integer not null,
    changed_on   integer,
    primary key (customer_id, feature_code, window_end, window_start)
) strict, without rowid;

-- Usage and holds refer to no customer by themselves: they are written under a
-- counter, which does.
create table usage_records (
    customer_id  text    not null,
    record_id    text    not null,
    feature_code text    not null,
    kind         text    not null,
    value        integer not null,
    change       integer not null,
    stamp        integer not null,
    counted_on   integer not null,
    recorded_on  integer not null,
    actor        text    not null,
    primary key (customer_id, record_id)
) strict, without rowid;

-- The last two columns are what a sum reads.
create index usage_records_by_time
    on usage_records (customer_id, feature_code, counted_on, record_id, change, recorded_on);

create table holds (
    customer_id  text    not null,
    hold_id      text    not null,
    feature_code text    not null,
    units        integer not null,
    made_on      integer not null,
    expires_on   integer not null,
    state        text    not null,
    actor        text    not null,
    primary key (customer_id, hold_id)
) strict, without rowid;

-- All that the sum of a feature's open holds reads.
create index holds_by_feature on holds (customer_id, feature_code, expires_on, made_on, units);
-- For the sweep of old ones, whosever they are.
create index holds_by_age on holds (expires_on);

-- What was answered under an idempotency key. The scope is a customer's id, or
-- none.
create table answers (
    customer_id text    not null,
    answer_key  text    not null,
    fingerprint blob    not null,
    created_on  integer not null,
    status      integer not null,
    body        blob    not null,
    revision    text    not null,
    primary key (customer_id, answer_key)
) strict;

-- For the sweep of old ones, whosever they are.
create index answers_by_age on answers (created_on);

-- Every committed change, under the scope it belongs to: a customer's id or
-- catalog, clients or keys. seq is its place in the feed, null until it has one.
create table changes (
    customer_id  text    not null,
    customer_rev integer not null,
    happened_on  integer not null,
    actor        text    not null,
    kind         text    not null,
    before_facts text    not null,
    after_facts  text    not null,
    seq          integer,
    primary key (customer_id, customer_rev)
) strict;

create index changes_unsequenced on changes (customer_id, customer_rev) where seq is null;

-- Directories: what is unique among all customers, keyed by its value.

create table customer_codes (
    org_code    text not null,
    user_id     text not null,
    customer_id text not null,
    primary key (org_code, user_id)
) strict, without rowid;

create index customer_codes_by_user on customer_codes (user_id);

create table agreement_ids (
    stem         text not null primary key,
    agreement_id text not null,
    customer_id  text not null
) strict, without rowid;

-- The one order of all changes.
create table feed (
    seq   integer not null primary key,
    scope text    not null,
    rev   integer not null
) strict;

create table leases (
    name       text    not null primary key,
    holder     text    not null,
    held_until integer not null
) strict, without rowid;

create table clients (
    client_id   text    not null primary key,
    name        text    not null,
    secret_hash blob    not null,
    scopes      text    not null,
    created_on  integer not null,
    revoked_on  integer
) strict;

create table signing_keys (
    key_id      text    not null primary key,
    created_on  integer not null,
    public_key  blob    not null,
    sealed_key  blob    not null,
    retired_on  integer
) strict;
