SET LOCAL lock_timeout = '5s';

CREATE TABLE tenant_keys (
    tenant_id uuid NOT NULL,
    generation integer NOT NULL,
    -- The data key, sealed under the master key; null once it is destroyed.
    wrapped bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_keys_pkey PRIMARY KEY (tenant_id, generation)
);
ALTER TABLE tenant_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_keys_tenant ON tenant_keys AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY tenant_keys_tenant_only ON tenant_keys AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
-- A destroyed key leaves its row behind, so that its generation never comes again.
REVOKE DELETE ON tenant_keys FROM trinity_identity;

CREATE TABLE variables (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    key_generation integer NOT NULL,
    sealed bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT variables_pkey PRIMARY KEY (tenant_id, user_id, name),
    CONSTRAINT variables_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT variables_key_fkey FOREIGN KEY (tenant_id, key_generation) REFERENCES tenant_keys (tenant_id, generation)
);
ALTER TABLE variables ENABLE ROW LEVEL SECURITY;
ALTER TABLE variables FORCE ROW LEVEL SECURITY;
CREATE POLICY variables_tenant ON variables AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY variables_tenant_only ON variables AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

-- A new master key re-seals the signing keys; nothing else of them may change.
GRANT UPDATE (sealed_private_key) ON signing_keys TO trinity_identity;
