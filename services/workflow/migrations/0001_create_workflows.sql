SET LOCAL lock_timeout = '5s';

-- What a workflow is now; its canvas is in the row of workflow_versions that bears the same version.
CREATE TABLE workflows (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    description text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    parameters json NOT NULL DEFAULT '{}',
    notifications json NOT NULL DEFAULT '{}',
    version bigint NOT NULL,
    molecules_used text[] NOT NULL,
    atoms_used text[] NOT NULL,
    execution_count bigint NOT NULL DEFAULT 0,
    last_executed_at timestamptz,
    checked_out_by uuid,
    checked_out_at timestamptz,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT workflows_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT workflows_version_check CHECK (version > 0),
    CONSTRAINT workflows_check_out_check CHECK ((checked_out_by IS NULL) = (checked_out_at IS NULL))
);
CREATE UNIQUE INDEX workflows_live_slug_key ON workflows (tenant_id, project_id, slug) WHERE deleted_at IS NULL;
-- Newest first: ids are UUIDs of version 7.
CREATE INDEX workflows_project_idx ON workflows (tenant_id, project_id, id DESC) WHERE deleted_at IS NULL;

ALTER TABLE workflows ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflows FORCE ROW LEVEL SECURITY;
CREATE POLICY workflows_tenant ON workflows AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY workflows_tenant_only ON workflows AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

-- The atoms of each workflow's newest version.
CREATE TABLE workflow_atoms (
    tenant_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    place text NOT NULL,
    position integer NOT NULL,
    atom text NOT NULL,
    atom_version text NOT NULL,
    config json NOT NULL,
    CONSTRAINT workflow_atoms_pkey PRIMARY KEY (tenant_id, workflow_id, place),
    CONSTRAINT workflow_atoms_workflow_fkey FOREIGN KEY (tenant_id, workflow_id) REFERENCES workflows (tenant_id, id)
);
CREATE INDEX workflow_atoms_atom_idx ON workflow_atoms (tenant_id, atom, workflow_id);

ALTER TABLE workflow_atoms ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow_atoms FORCE ROW LEVEL SECURITY;
CREATE POLICY workflow_atoms_tenant ON workflow_atoms AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY workflow_atoms_tenant_only ON workflow_atoms AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
