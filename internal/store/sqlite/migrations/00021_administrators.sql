-- +goose Up

-- Who may sign in to the console. password is a hash in PHC form, '' if there is none.
create table administrators (
    name        text not null primary key,
    role        text not null,
    password    text not null,
    created_on  integer not null,
    disabled_on integer
) strict, without rowid;

-- Links that let one in once, by the SHA-256 of what stands in their URL.
create table administrator_links (
    hash       text not null primary key,
    name       text not null,
    purpose    text not null,
    created_on integer not null,
    expires_on integer not null,
    spent_on   integer
) strict, without rowid;

create index administrator_links_by_name on administrator_links (name);
create index administrator_links_by_end on administrator_links (expires_on);

-- Browsers that are signed in, by the SHA-256 of their cookie.
create table administrator_sessions (
    hash       text not null primary key,
    name       text not null,
    role       text not null,
    method     text not null,
    agent      text not null,
    created_on integer not null,
    seen_on    integer not null,
    ends_on    integer not null
) strict, without rowid;

create index administrator_sessions_by_name on administrator_sessions (name);
create index administrator_sessions_by_end on administrator_sessions (ends_on);

-- Who is who at an OpenID provider.
create table administrator_identities (
    issuer     text not null,
    subject    text not null,
    name       text not null,
    created_on integer not null,
    primary key (issuer, subject)
) strict, without rowid;

create index administrator_identities_by_name on administrator_identities (name);

insert into revisions (name, rev) values ('administrators', 0);
