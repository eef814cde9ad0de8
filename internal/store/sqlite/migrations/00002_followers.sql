-- +goose Up

-- How far each follower of the feed has come.
create table followers (
    name  text    not null primary key,
    place integer not null
) strict, without rowid;
