SET LOCAL lock_timeout = '5s';

CREATE TABLE service_accounts (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    -- The person who answers for it.
    owner_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT service_accounts_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT service_accounts_owner_fkey FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id)
);
CREATE UNIQUE INDEX service_accounts_name_key ON service_accounts (tenant_id, lower(name));
CREATE INDEX service_accounts_owner_idx ON service_accounts (tenant_id, owner_id);
ALTER TABLE service_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE service_accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY service_accounts_tenant ON service_accounts AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY service_accounts_tenant_only ON service_accounts AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

CREATE TABLE api_keys (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    service_account_id uuid NOT NULL,
    name text NOT NULL,
    -- What may be shown of the text.
    prefix text NOT NULL,
    -- SHA-256 of the whole text.
    digest bytea NOT NULL,
    -- No limit when it is empty.
    scopes text[] NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_keys_account_fkey FOREIGN KEY (tenant_id, service_account_id)
        REFERENCES service_accounts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX api_keys_account_idx ON api_keys (tenant_id, service_account_id);
-- A key's text names no tenant: this finds it.
CREATE UNIQUE INDEX api_keys_id_key ON api_keys (id);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY api_keys_tenant ON api_keys AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY api_keys_tenant_only ON api_keys AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
