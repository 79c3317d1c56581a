SET LOCAL lock_timeout = '5s';

-- Authenticator apps (RFC 6238), one a user.
CREATE TABLE totp_secrets (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    -- Sealed under the tenant's data key of this generation.
    sealed_secret bytea NOT NULL,
    key_generation integer NOT NULL,
    confirmed boolean NOT NULL DEFAULT false,
    -- The time step of the last code that was taken: it and all before it are spent.
    last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT totp_secrets_pkey PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT totp_secrets_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT totp_secrets_key_fkey FOREIGN KEY (tenant_id, key_generation)
        REFERENCES tenant_keys (tenant_id, generation)
);
ALTER TABLE totp_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE totp_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY totp_secrets_tenant ON totp_secrets AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY totp_secrets_tenant_only ON totp_secrets AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

-- What is left of the recovery codes of each user: a used one is deleted.
CREATE TABLE recovery_codes (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (tenant_id, user_id, digest),
    CONSTRAINT recovery_codes_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY recovery_codes_tenant ON recovery_codes AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY recovery_codes_tenant_only ON recovery_codes AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
