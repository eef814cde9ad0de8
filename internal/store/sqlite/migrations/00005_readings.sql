-- +goose Up

-- The newest reading of a window, which those with an earlier stamp do not change.
create index usage_readings on usage_records (customer_id, feature_code, stamp, counted_on)
    where kind = 'absolute';
