SET LOCAL lock_timeout = '5s';

CREATE TABLE tenants (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    status text NOT NULL DEFAULT 'active',
    suspended_reason text NOT NULL DEFAULT '',
    settings json NOT NULL,
    metadata json NOT NULL,
    allowed_apps text[] NOT NULL,
    concurrent_tasks integer NOT NULL DEFAULT 5,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id),
    -- Unique across tenants on purpose: a slug names its tenant before anybody has signed in.
    CONSTRAINT tenants_slug_key UNIQUE (slug),
    CONSTRAINT tenants_status_check CHECK (status IN ('active', 'suspended')),
    CONSTRAINT tenants_concurrent_tasks_check CHECK (concurrent_tasks BETWEEN 1 AND 1000)
);
CREATE INDEX tenants_suspended_idx ON tenants (tenant_id) WHERE status = 'suspended';
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_tenant ON tenants AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY tenants_tenant_only ON tenants AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
-- Erasing a tenant is an operation of its own, not something that serving may do.
REVOKE DELETE ON tenants FROM trinity_tenant;

CREATE TABLE domains (
    tenant_id uuid NOT NULL,
    domain text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT domains_pkey PRIMARY KEY (tenant_id, domain),
    CONSTRAINT domains_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (tenant_id) ON DELETE CASCADE,
    -- Unique across tenants on purpose: a Host header leads to one tenant.
    CONSTRAINT domains_domain_key UNIQUE (domain)
);
ALTER TABLE domains ENABLE ROW LEVEL SECURITY;
ALTER TABLE domains FORCE ROW LEVEL SECURITY;
CREATE POLICY domains_tenant ON domains AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY domains_tenant_only ON domains AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
