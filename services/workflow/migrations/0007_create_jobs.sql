SET LOCAL lock_timeout = '5s';

-- Workflows of a project that run together.
CREATE TABLE jobs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    package text NOT NULL,
    notifications json NOT NULL,
    version bigint NOT NULL,
    owner_id uuid NOT NULL,
    project_owner_id uuid NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT jobs_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT jobs_version_check CHECK (version > 0)
);
CREATE UNIQUE INDEX jobs_live_name_key ON jobs (tenant_id, project_id, lower(name)) WHERE deleted_at IS NULL;
-- Newest first: ids are UUIDs of version 7.
CREATE INDEX jobs_project_idx ON jobs (tenant_id, project_id, id DESC) WHERE deleted_at IS NULL;

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY jobs_tenant ON jobs AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY jobs_tenant_only ON jobs AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

-- The workflows of each job, and which of them each waits for.
CREATE TABLE job_steps (
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    position integer NOT NULL,
    depends_on uuid[] NOT NULL,
    CONSTRAINT job_steps_pkey PRIMARY KEY (tenant_id, job_id, workflow_id),
    CONSTRAINT job_steps_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id),
    CONSTRAINT job_steps_workflow_fkey FOREIGN KEY (tenant_id, workflow_id) REFERENCES workflows (tenant_id, id)
);
CREATE INDEX job_steps_workflow_idx ON job_steps (tenant_id, workflow_id);

ALTER TABLE job_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_steps FORCE ROW LEVEL SECURITY;
CREATE POLICY job_steps_tenant ON job_steps AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY job_steps_tenant_only ON job_steps AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
