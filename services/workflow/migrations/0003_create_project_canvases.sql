SET LOCAL lock_timeout = '5s';

-- Which canvas is each project's state: the one saved last. Registry follows it by its revision.
CREATE TABLE project_canvases (
    tenant_id uuid NOT NULL,
    project_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    version bigint NOT NULL,
    revision bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT project_canvases_pkey PRIMARY KEY (tenant_id, project_id),
    CONSTRAINT project_canvases_version_fkey FOREIGN KEY (tenant_id, workflow_id, version)
        REFERENCES workflow_versions (tenant_id, workflow_id, version)
);

ALTER TABLE project_canvases ENABLE ROW LEVEL SECURITY;
ALTER TABLE project_canvases FORCE ROW LEVEL SECURITY;
CREATE POLICY project_canvases_tenant ON project_canvases AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY project_canvases_tenant_only ON project_canvases AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
