SET LOCAL lock_timeout = '5s';

CREATE TABLE groups (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT groups_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX groups_name_key ON groups (tenant_id, lower(name));
ALTER TABLE groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE groups FORCE ROW LEVEL SECURITY;
CREATE POLICY groups_tenant ON groups AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY groups_tenant_only ON groups AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

CREATE TABLE group_members (
    tenant_id uuid NOT NULL,
    group_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT group_members_pkey PRIMARY KEY (tenant_id, user_id, group_id),
    CONSTRAINT group_members_group_fkey FOREIGN KEY (tenant_id, group_id)
        REFERENCES groups (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT group_members_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX group_members_group_idx ON group_members (tenant_id, group_id);
ALTER TABLE group_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE group_members FORCE ROW LEVEL SECURITY;
CREATE POLICY group_members_tenant ON group_members AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY group_members_tenant_only ON group_members AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

-- The tenant's own roles; the built-in ones are in the program.
CREATE TABLE roles (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    permissions text[] NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT roles_pkey PRIMARY KEY (tenant_id, name)
);
ALTER TABLE roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE roles FORCE ROW LEVEL SECURITY;
CREATE POLICY roles_tenant ON roles AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY roles_tenant_only ON roles AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

CREATE TABLE bindings (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    role text NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    -- The whole tenant when it is null.
    project_id uuid,
    -- The person; null for what was made together with its subject, or by staff.
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT bindings_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT bindings_subject_key UNIQUE NULLS NOT DISTINCT (tenant_id, subject_id, role, project_id),
    CONSTRAINT bindings_subject_type_check CHECK (subject_type IN ('user', 'group', 'service_account')),
    CONSTRAINT bindings_owner_check CHECK (role <> 'owner' OR (subject_type = 'user' AND project_id IS NULL))
);
CREATE INDEX bindings_role_idx ON bindings (tenant_id, role);
CREATE INDEX bindings_project_idx ON bindings (tenant_id, project_id) WHERE project_id IS NOT NULL;

-- What people held until now. Why without row-level security for a moment: the owner of the table moves all tenants' rows.
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
INSERT INTO bindings (tenant_id, id, role, subject_type, subject_id, created_at)
SELECT DISTINCT ON (u.tenant_id, u.id, held.role) u.tenant_id, gen_random_uuid(), held.role, 'user', u.id, u.created_at
FROM users AS u
CROSS JOIN LATERAL unnest(u.roles) AS held (role);
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE users DROP COLUMN roles;
ALTER TABLE bindings ENABLE ROW LEVEL SECURITY;
ALTER TABLE bindings FORCE ROW LEVEL SECURITY;
CREATE POLICY bindings_tenant ON bindings AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY bindings_tenant_only ON bindings AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

CREATE TABLE grants (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    object_type text NOT NULL,
    object_id uuid NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    level text NOT NULL,
    starts_at timestamptz,
    expires_at timestamptz,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT grants_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT grants_subject_key UNIQUE (tenant_id, object_id, object_type, subject_id),
    CONSTRAINT grants_object_type_check CHECK (object_type IN ('project', 'folder', 'job', 'workflow')),
    CONSTRAINT grants_subject_type_check CHECK (subject_type IN ('user', 'group')),
    CONSTRAINT grants_level_check CHECK (level IN ('view', 'edit', 'admin')),
    CONSTRAINT grants_time_check CHECK (starts_at < expires_at)
);
CREATE INDEX grants_subject_idx ON grants (tenant_id, subject_id);
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE grants FORCE ROW LEVEL SECURITY;
CREATE POLICY grants_tenant ON grants AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY grants_tenant_only ON grants AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
