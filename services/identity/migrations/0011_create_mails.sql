SET LOCAL lock_timeout = '5s';

-- Mails on their way out: written with the change that they tell of, deleted when they were handed over.
CREATE TABLE mails (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    -- The text holds a token, so it is sealed, under the tenant's data key of this generation.
    sealed_text bytea NOT NULL,
    key_generation integer NOT NULL,
    failed_attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Not to be tried before: somebody is at it, or it failed.
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    -- When the token that it holds is worth nothing any more.
    expires_at timestamptz NOT NULL,
    CONSTRAINT mails_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT mails_key_fkey FOREIGN KEY (tenant_id, key_generation) REFERENCES tenant_keys (tenant_id, generation)
);
ALTER TABLE mails ENABLE ROW LEVEL SECURITY;
ALTER TABLE mails FORCE ROW LEVEL SECURITY;
CREATE POLICY mails_tenant ON mails AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY mails_tenant_only ON mails AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
