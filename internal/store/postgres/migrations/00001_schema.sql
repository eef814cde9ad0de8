-- +goose Up

-- Times are microseconds since 1970 in UTC. A time that may be absent is null,
-- but where it bounds a span: no end is the largest integer, so that "not ended"
-- is one range of an index, and no start the smallest. Text that may be absent
-- is ''. Amounts of usage are whole millionths.

-- The last change of each scope that is not a customer, and the length of the
-- feed. Updating a row is the lock of its scope.
create table revisions (
    name       text collate "C" not null primary key,
    rev        bigint not null,
    changed_on bigint
);

insert into revisions (name, rev) values ('catalog', 0), ('clients', 0), ('keys', 0), ('feed', 0);

-- Catalog: small, read as a whole.

create table settings (
    name  text collate "C" not null primary key,
    value text collate "C" not null
);

create table features (
    code           text collate "C" not null primary key,
    name           text collate "C" not null,
    type           text collate "C" not null,
    unit           text collate "C" not null,
    reset_interval text collate "C" not null
);

create table plan_groups (
    code          text collate "C" not null primary key,
    group_id      text collate "C" not null unique,
    name          text collate "C" not null,
    customer_type text collate "C" not null,
    is_default    bigint not null
);

create table plans (
    code       text collate "C" not null primary key,
    name       text collate "C" not null,
    plan_group text collate "C" not null,
    kind       text collate "C" not null,
    status     text collate "C" not null,
    archived   bigint not null,
    is_default bigint not null
);

-- Rows of published versions never change. The terms are a JSON document,
-- because a version is only ever read as a whole.
create table plan_versions (
    plan_code    text collate "C" not null references plans (code),
    version      bigint not null,
    published_on bigint,
    terms        text collate "C" not null,
    primary key (plan_code, version)
);

-- Customers: every key begins with customer_id.

create table customers (
    customer_id       text collate "C" not null primary key,
    type              text collate "C" not null,
    org_code          text collate "C" not null,
    user_id           text collate "C" not null,
    name              text collate "C" not null,
    email             text collate "C" not null,
    status            text collate "C" not null,
    anchor_on         bigint,
    metadata          text collate "C" not null,
    search            text collate "C" not null,
    created_on        bigint not null,
    changed_on        bigint,
    deleted_on        bigint,
    rev               bigint not null,
    last_agreement_ms bigint not null
);

create table agreements (
    customer_id   text collate "C" not null references customers (customer_id),
    agreement_id  text collate "C" not null,
    plan_code     text collate "C" not null,
    version       bigint not null,
    kind          text collate "C" not null,
    quantity      bigint not null,
    annual        bigint not null,
    created_on    bigint not null,
    starts_on     bigint not null,
    expires_on    bigint not null,
    own_end       bigint,
    trial_ends_on bigint,
    trial_scope   text collate "C" not null,
    carried       text collate "C" not null,
    primary key (customer_id, agreement_id),
    foreign key (plan_code, version) references plan_versions (plan_code, version)
);

create index agreements_by_end on agreements (customer_id, expires_on);
create index agreements_by_trial on agreements (customer_id, trial_scope) where trial_scope <> '';

create table overrides (
    customer_id  text collate "C" not null references customers (customer_id),
    override_id  text collate "C" not null,
    feature_code text collate "C" not null,
    has_max      bigint not null,
    limit_max    bigint,
    limit_add    bigint not null,
    deny         bigint not null,
    note         text collate "C" not null,
    actor        text collate "C" not null,
    starts_on    bigint not null,
    expires_on   bigint not null,
    primary key (customer_id, override_id)
);

create index overrides_by_end on overrides (customer_id, expires_on);

-- The sums of usage_records by window. Updating the row of all time is the lock
-- of a feature's usage and holds. The end of a window comes first in the key: of
-- those that have not ended there are few.
create table counters (
    customer_id  text collate "C" not null references customers (customer_id),
    feature_code text collate "C" not null,
    window_start bigint not null,
    window_end   bigint not null,
    used         bigint not null,
    changed_on   bigint,
    primary key (customer_id, feature_code, window_end, window_start)
);

-- Usage and holds refer to no customer by themselves: they are written under a
-- counter, which does.
create table usage_records (
    customer_id  text collate "C" not null,
    record_id    text collate "C" not null,
    feature_code text collate "C" not null,
    kind         text collate "C" not null,
    value        bigint not null,
    change       bigint not null,
    stamp        bigint not null,
    counted_on   bigint not null,
    recorded_on  bigint not null,
    actor        text collate "C" not null,
    primary key (customer_id, record_id)
);

-- The last two columns are what a sum reads.
create index usage_records_by_time
    on usage_records (customer_id, feature_code, counted_on, record_id, change, recorded_on);

create table holds (
    customer_id  text collate "C" not null,
    hold_id      text collate "C" not null,
    feature_code text collate "C" not null,
    units        bigint not null,
    made_on      bigint not null,
    expires_on   bigint not null,
    state        text collate "C" not null,
    actor        text collate "C" not null,
    primary key (customer_id, hold_id)
);

-- All that the sum of a feature's open holds reads.
create index holds_by_feature on holds (customer_id, feature_code, expires_on, made_on, units);
-- For the sweep of old ones, whosever they are.
create index holds_by_age on holds (expires_on);

-- What was answered under an idempotency key. The scope is a customer's id, or
-- none.
create table answers (
    customer_id text collate "C" not null,
    answer_key  text collate "C" not null,
    fingerprint bytea   not null,
    created_on  bigint not null,
    status      bigint not null,
    body        bytea   not null,
    revision    text collate "C" not null,
    primary key (customer_id, answer_key)
);

-- For the sweep of old ones, whosever they are.
create index answers_by_age on answers (created_on);

-- Every committed change, under the scope it belongs to: a customer's id or
-- catalog, clients or keys. seq is its place in the feed, null until it has one.
create table changes (
    customer_id  text collate "C" not null,
    customer_rev bigint not null,
    happened_on  bigint not null,
    actor        text collate "C" not null,
    kind         text collate "C" not null,
    before_facts text collate "C" not null,
    after_facts  text collate "C" not null,
    seq          bigint,
    primary key (customer_id, customer_rev)
);

create index changes_unsequenced on changes (customer_id, customer_rev) where seq is null;

-- Directories: what is unique among all customers, keyed by its value.

create table customer_codes (
    org_code    text collate "C" not null,
    user_id     text collate "C" not null,
    customer_id text collate "C" not null,
    primary key (org_code, user_id)
);

create index customer_codes_by_user on customer_codes (user_id);

create table agreement_ids (
    stem         text collate "C" not null primary key,
    agreement_id text collate "C" not null,
    customer_id  text collate "C" not null
);

-- The one order of all changes.
create table feed (
    seq   bigint not null primary key,
    scope text collate "C" not null,
    rev   bigint not null
);

create table leases (
    name       text collate "C" not null primary key,
    holder     text collate "C" not null,
    held_until bigint not null
);

create table clients (
    client_id   text collate "C" not null primary key,
    name        text collate "C" not null,
    secret_hash bytea   not null,
    scopes      text collate "C" not null,
    created_on  bigint not null,
    revoked_on  bigint
);

create table signing_keys (
    key_id      text collate "C" not null primary key,
    created_on  bigint not null,
    public_key  bytea   not null,
    sealed_key  bytea   not null,
    retired_on  bigint
);

-- The oldest version of this schema that a program may have been made for and
-- still run on it. A migration that only adds leaves it; one that takes away
-- raises it. See docs/decisions.
create table compatibility (
    oldest bigint not null primary key
);

insert into compatibility (oldest) values (1);
