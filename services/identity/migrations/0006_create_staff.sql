SET LOCAL lock_timeout = '5s';

-- Operators belong to the installation: no tenant, no row-level security.
CREATE TABLE staff (
    id uuid NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    password_hash text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    failed_attempts integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT staff_pkey PRIMARY KEY (id),
    CONSTRAINT staff_email_key UNIQUE (email)
);
-- They are made inactive, not deleted: the audit trails name them.
REVOKE DELETE ON staff FROM trinity_identity;

CREATE TABLE staff_sessions (
    id uuid NOT NULL,
    staff_id uuid NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT staff_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT staff_sessions_staff_fkey FOREIGN KEY (staff_id) REFERENCES staff (id)
);
CREATE INDEX staff_sessions_staff_idx ON staff_sessions (staff_id);

-- Their ways into tenants' data belong to those tenants.
CREATE TABLE staff_entries (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    staff_id uuid NOT NULL,
    -- The login that the entry ends with.
    session_id uuid NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT staff_entries_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT staff_entries_role_check CHECK (role IN ('viewer', 'admin'))
);
ALTER TABLE staff_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY staff_entries_tenant ON staff_entries AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY staff_entries_tenant_only ON staff_entries AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
