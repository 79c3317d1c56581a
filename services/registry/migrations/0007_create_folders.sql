SET LOCAL lock_timeout = '5s';

-- Shelves in projects. Where they stand changes under a lock on the project's row alone, so that no two moves make a circle.
CREATE TABLE folders (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    -- None at the top of the project.
    parent_id uuid,
    name text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT folders_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT folders_project_key UNIQUE (tenant_id, project_id, id),
    CONSTRAINT folders_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id),
    -- A folder and its parent are of one project.
    CONSTRAINT folders_parent_fkey FOREIGN KEY (tenant_id, project_id, parent_id)
        REFERENCES folders (tenant_id, project_id, id),
    CONSTRAINT folders_parent_check CHECK (parent_id <> id)
);
-- A place is a folder or, at the top, the project itself.
CREATE UNIQUE INDEX folders_live_name_key ON folders (tenant_id, coalesce(parent_id, project_id), lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX folders_parent_idx ON folders (tenant_id, parent_id) WHERE deleted_at IS NULL;

ALTER TABLE folders ENABLE ROW LEVEL SECURITY;
ALTER TABLE folders FORCE ROW LEVEL SECURITY;
CREATE POLICY folders_tenant ON folders AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY folders_tenant_only ON folders AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
