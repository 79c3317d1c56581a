SET LOCAL lock_timeout = '5s';

-- Puts row-level security on a partition and closes it: rows go in and out through the table events alone.
CREATE FUNCTION close_partition(partition regclass) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    tenant CONSTANT text := 'tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', partition);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('CREATE POLICY events_tenant ON %s AS PERMISSIVE USING (%s)', partition, tenant);
    EXECUTE format('CREATE POLICY events_tenant_only ON %s AS RESTRICTIVE USING (%s)', partition, tenant);
    EXECUTE format('REVOKE ALL ON %s FROM trinity_audit', partition);
END
$$;

-- Makes the partition of a month unless it is there; says whether it made one. Should rows of that month lie in the default
-- partition already, they stay there.
CREATE FUNCTION ensure_partition(month date) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path FROM CURRENT
-- Writers must not wait long behind this.
SET lock_timeout = '2s'
AS $$
DECLARE
    first_day CONSTANT date := date_trunc('month', month)::date;
    partition CONSTANT text := to_char(first_day, '"events_"YYYY"_"MM');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
        partition,
        first_day || ' 00:00:00+00',
        (first_day + interval '1 month')::date || ' 00:00:00+00'
    );
    PERFORM close_partition(partition::regclass);
    RETURN true;
EXCEPTION
    WHEN check_violation OR duplicate_table THEN
        RETURN false;
END
$$;
REVOKE EXECUTE ON FUNCTION close_partition(regclass) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION ensure_partition(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partition(date) TO trinity_audit;

-- Takes what has no month of its own, so that nothing is ever lost for want of a partition.
CREATE TABLE events_default PARTITION OF events DEFAULT;
SELECT close_partition('events_default'::regclass);

SELECT ensure_partition((now() + months * interval '1 month')::date)
FROM generate_series(-1, 3) AS months;
