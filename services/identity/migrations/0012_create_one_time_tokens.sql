SET LOCAL lock_timeout = '5s';

-- Tokens that work once: a mailed one proves an address or sets a password, another goes on with a login.
CREATE TABLE one_time_tokens (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    purpose text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT one_time_tokens_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('reset', 'verify', 'mfa'))
);
CREATE INDEX one_time_tokens_user_idx ON one_time_tokens (tenant_id, user_id, purpose);
ALTER TABLE one_time_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE one_time_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY one_time_tokens_tenant ON one_time_tokens AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY one_time_tokens_tenant_only ON one_time_tokens AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

CREATE TABLE invitations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    roles text[] NOT NULL,
    digest bytea NOT NULL,
    -- The person who answers for it.
    invited_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT invitations_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT invitations_email_key UNIQUE (tenant_id, email),
    CONSTRAINT invitations_user_fkey FOREIGN KEY (tenant_id, invited_by) REFERENCES users (tenant_id, id),
    CONSTRAINT invitations_roles_check CHECK (cardinality(roles) > 0)
);
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY invitations_tenant ON invitations AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY invitations_tenant_only ON invitations AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
