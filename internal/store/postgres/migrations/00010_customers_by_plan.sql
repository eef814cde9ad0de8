-- +goose Up

-- Who is on a plan, in the order of customers, for an operator's list, a preview and a
-- migration: see docs/decisions/0022.
create index agreements_by_plan on agreements (plan_code, customer_id, expires_on, starts_on, version);

-- The ends that are set: an agreement without one has the largest integer.
create index agreements_ending on agreements (expires_on, customer_id) where expires_on < 9223372036854775807;
