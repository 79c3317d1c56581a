SET LOCAL lock_timeout = '5s';

-- How many bytes a tenant's datasets take together. Triggers keep it, so that no statement can forget to count.
CREATE TABLE tenant_usage (
    tenant_id uuid NOT NULL,
    stored_bytes bigint NOT NULL DEFAULT 0,
    -- What the tenant service was told last, and of which day (UTC).
    reported_bytes bigint NOT NULL DEFAULT 0,
    reported_on date,
    CONSTRAINT tenant_usage_pkey PRIMARY KEY (tenant_id)
);

-- The owner, too, sees no rows through forced row-level security; it is forced again below.
ALTER TABLE datasets NO FORCE ROW LEVEL SECURITY;
INSERT INTO tenant_usage (tenant_id, stored_bytes)
SELECT tenant_id, sum(size_bytes)
FROM datasets
GROUP BY tenant_id;
ALTER TABLE datasets FORCE ROW LEVEL SECURITY;

-- The report reads the usage of every tenant.
ALTER TABLE tenant_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_usage_tenant ON tenant_usage AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY tenant_usage_tenant_only ON tenant_usage AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');

-- Runs in the role of who changes datasets, under the same policies.
CREATE FUNCTION count_stored_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO tenant_usage AS known (tenant_id, stored_bytes)
        SELECT tenant_id, sum(size_bytes) FROM added GROUP BY tenant_id
        ON CONFLICT (tenant_id) DO UPDATE SET stored_bytes = known.stored_bytes + excluded.stored_bytes;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE tenant_usage AS known
        SET stored_bytes = known.stored_bytes - gone.bytes
        FROM (SELECT tenant_id, sum(size_bytes) AS bytes FROM removed GROUP BY tenant_id) AS gone
        WHERE known.tenant_id = gone.tenant_id;
    ELSE
        UPDATE tenant_usage AS known
        SET stored_bytes = known.stored_bytes + changed.bytes
        FROM (
            SELECT tenant_id, sum(bytes) AS bytes
            FROM (
                SELECT tenant_id, size_bytes AS bytes FROM added
                UNION ALL
                SELECT tenant_id, -size_bytes FROM removed
            ) AS sizes
            GROUP BY tenant_id
        ) AS changed
        WHERE known.tenant_id = changed.tenant_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER datasets_count_added AFTER INSERT ON datasets
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();
CREATE TRIGGER datasets_count_changed AFTER UPDATE ON datasets
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();
CREATE TRIGGER datasets_count_removed AFTER DELETE ON datasets
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();
