-- +goose Up

-- The window a hold was made in, and how it was closed: what was counted, and the
-- request and its answer as a JSON document, so that the same request again gets the
-- same answer. Programs of version 2 leave all of it out.
alter table holds add column window_start integer;
alter table holds add column window_end integer;
alter table holds add column confirmed integer;
alter table holds add column closing text not null default '';
