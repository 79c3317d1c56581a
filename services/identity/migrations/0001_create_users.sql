SET LOCAL lock_timeout = '5s';

CREATE TABLE users (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    username text NOT NULL,
    full_name text NOT NULL,
    utc_offset_minutes integer NOT NULL DEFAULT 0,
    settings json NOT NULL DEFAULT '{}',
    roles text[] NOT NULL,
    active boolean NOT NULL DEFAULT true,
    verified boolean NOT NULL DEFAULT false,
    -- The one user who was made before there was anybody to make users.
    founder boolean NOT NULL DEFAULT false,
    password_hash text NOT NULL,
    failed_attempts integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    last_login_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT users_email_key UNIQUE (tenant_id, email),
    CONSTRAINT users_roles_check CHECK (cardinality(roles) > 0)
);
CREATE UNIQUE INDEX users_username_key ON users (tenant_id, lower(username)) WHERE username <> '';
CREATE UNIQUE INDEX users_founder_key ON users (tenant_id) WHERE founder;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY users_tenant ON users AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY users_tenant_only ON users AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
-- People are made inactive, not deleted: the audit trail names them.
REVOKE DELETE ON users FROM trinity_identity;

CREATE TABLE sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL,
    -- SHA-256 of the refresh token that is good now, and of the one before it.
    token_digest bytea NOT NULL,
    previous_digest bytea,
    rotations bigint NOT NULL DEFAULT 0,
    rotated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT sessions_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX sessions_user_idx ON sessions (tenant_id, user_id);
CREATE INDEX sessions_revoked_idx ON sessions (tenant_id, revoked_at) WHERE revoked_at IS NOT NULL;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY sessions_tenant ON sessions AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY sessions_tenant_only ON sessions AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
