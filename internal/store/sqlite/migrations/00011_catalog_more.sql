-- +goose Up

-- What features, plan groups and plans have that is not versioned and has no column, as
-- a document: see internal/store/sqlstore/catalog_more.go.
alter table features add column more text not null default '';
alter table plan_groups add column more text not null default '';
alter table plans add column more text not null default '';
