-- +goose Up

-- Who may sign in to the console. password is a hash in PHC form, '' if there is none.
create table administrators (
    name        text collate "C" not null primary key,
    role        text collate "C" not null,
    password    text collate "C" not null,
    created_on  bigint not null,
    disabled_on bigint
);

-- Links that let one in once, by the SHA-256 of what stands in their URL.
create table administrator_links (
    hash       text collate "C" not null primary key,
    name       text collate "C" not null,
    purpose    text collate "C" not null,
    created_on bigint not null,
    expires_on bigint not null,
    spent_on   bigint
);

create index administrator_links_by_name on administrator_links (name);
create index administrator_links_by_end on administrator_links (expires_on);

-- Browsers that are signed in, by the SHA-256 of their cookie.
create table administrator_sessions (
    hash       text collate "C" not null primary key,
    name       text collate "C" not null,
    role       text collate "C" not null,
    method     text collate "C" not null,
    agent      text collate "C" not null,
    created_on bigint not null,
    seen_on    bigint not null,
    ends_on    bigint not null
);

create index administrator_sessions_by_name on administrator_sessions (name);
create index administrator_sessions_by_end on administrator_sessions (ends_on);

-- Who is who at an OpenID provider.
create table administrator_identities (
    issuer     text collate "C" not null,
    subject    text collate "C" not null,
    name       text collate "C" not null,
    created_on bigint not null,
    primary key (issuer, subject)
);

create index administrator_identities_by_name on administrator_identities (name);

insert into revisions (name, rev) values ('administrators', 0);
