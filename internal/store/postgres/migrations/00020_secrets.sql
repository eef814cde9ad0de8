-- +goose Up

-- Secrets of a client from before, a JSON array: the hash, and until when each is good.
alter table clients add column old_secrets text collate "C" not null default '[]';

-- Tokens from before this instant that do not say which secret they were made with are
-- refused. Null until a secret is replaced without overlap.
alter table clients add column tokens_from bigint;
