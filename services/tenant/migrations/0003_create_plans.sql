SET LOCAL lock_timeout = '5s';
-- Why: this migration moves rows of every tenant, which the owner, too, sees in the system's context alone.
SET LOCAL app.system = 'on';

-- The installation's own price list: no tenant, no row-level security. A limit of 0 is none.
CREATE TABLE plans (
    slug text NOT NULL,
    name text NOT NULL,
    position integer NOT NULL,
    seats bigint NOT NULL,
    projects bigint NOT NULL,
    concurrent_runs bigint NOT NULL,
    concurrent_tasks bigint NOT NULL,
    storage_bytes bigint NOT NULL,
    requests_per_minute bigint NOT NULL,
    CONSTRAINT plans_pkey PRIMARY KEY (slug),
    CONSTRAINT plans_limits_check CHECK (
        least(seats, projects, concurrent_runs, concurrent_tasks, storage_bytes, requests_per_minute) >= 0
    )
);
INSERT INTO plans (
    slug, name, position, seats, projects, concurrent_runs, concurrent_tasks, storage_bytes, requests_per_minute
)
VALUES
    ('basic', 'Basic', 1, 10, 20, 10, 5, 10737418240, 600),
    ('pro', 'Pro', 2, 100, 200, 100, 25, 1099511627776, 6000),
    ('enterprise', 'Enterprise', 3, 0, 0, 0, 100, 0, 0);
-- Subscriptions name plans, so plans are changed and never made or deleted by serving.
REVOKE INSERT, DELETE ON plans FROM trinity_tenant;

CREATE TABLE subscriptions (
    tenant_id uuid NOT NULL,
    -- No foreign key: every key of a tenant's table begins with the tenant, and plans are never deleted.
    plan text NOT NULL,
    -- An end that has passed counts as expired whatever stands here.
    status text NOT NULL DEFAULT 'active',
    starts_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT subscriptions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (tenant_id) ON DELETE CASCADE,
    CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'expired', 'suspended'))
);
-- Tenants from before plans keep what they had: no limits.
INSERT INTO subscriptions (tenant_id, plan, starts_at)
SELECT tenant_id, 'enterprise', created_at
FROM tenants;
ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subscriptions FORCE ROW LEVEL SECURITY;
CREATE POLICY subscriptions_tenant ON subscriptions AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY subscriptions_tenant_only ON subscriptions AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
REVOKE DELETE ON subscriptions FROM trinity_tenant;

-- 0 takes the plan's. The old default of 5 was nobody's choice.
ALTER TABLE tenants DROP CONSTRAINT tenants_concurrent_tasks_check;
ALTER TABLE tenants ALTER COLUMN concurrent_tasks SET DEFAULT 0;
UPDATE tenants
SET concurrent_tasks = 0
WHERE concurrent_tasks = 5;
ALTER TABLE tenants ADD CONSTRAINT tenants_concurrent_tasks_check CHECK (concurrent_tasks BETWEEN 0 AND 1000);

-- Switches with their defaults: the installation's, like plans.
CREATE TABLE flags (
    name text NOT NULL,
    enabled boolean NOT NULL,
    description text NOT NULL,
    CONSTRAINT flags_pkey PRIMARY KEY (name)
);
REVOKE DELETE ON flags FROM trinity_tenant;

-- The values of tenants that differ from the default, or once did.
CREATE TABLE tenant_flags (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    CONSTRAINT tenant_flags_pkey PRIMARY KEY (tenant_id, name),
    CONSTRAINT tenant_flags_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (tenant_id) ON DELETE CASCADE
);
ALTER TABLE tenant_flags ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_flags FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_flags_tenant ON tenant_flags AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY tenant_flags_tenant_only ON tenant_flags AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
