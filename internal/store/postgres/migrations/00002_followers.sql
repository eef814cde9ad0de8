-- +goose Up

-- How far each follower of the feed has come. Programs of version 1 have none.
create table followers (
    name  text collate "C" not null primary key,
    place bigint not null
);
