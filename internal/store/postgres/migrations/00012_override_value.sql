-- +goose Up

-- The value of an override of a config feature, a JSON document; '' is none. Programs of
-- the version before know no such feature.
alter table overrides add column override_value text collate "C" not null default '';
