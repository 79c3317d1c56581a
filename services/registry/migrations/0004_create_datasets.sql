SET LOCAL lock_timeout = '5s';

CREATE TABLE datasets (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    -- What stands between the fields of a CSV file.
    delimiter text,
    size_bytes bigint NOT NULL,
    rows bigint,
    -- An array of {"name", "type", "nullable"}.
    schema json NOT NULL,
    content_hash text NOT NULL,
    storage_key text NOT NULL,
    problem text,
    origin text NOT NULL,
    run_id uuid,
    task_id uuid,
    -- The attempt of the task that wrote it; a later one replaces an earlier one.
    attempt bigint NOT NULL DEFAULT 0,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT datasets_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT datasets_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id),
    CONSTRAINT datasets_format_check CHECK (format IN ('csv', 'parquet')),
    CONSTRAINT datasets_origin_check CHECK (origin IN ('upload', 'run'))
);
CREATE INDEX datasets_project_idx ON datasets (tenant_id, project_id, id DESC);
CREATE INDEX datasets_run_idx ON datasets (tenant_id, run_id, id DESC) WHERE run_id IS NOT NULL;
-- Cached results share files: whether a file is still needed is asked before it is deleted.
CREATE INDEX datasets_storage_key_idx ON datasets (tenant_id, storage_key);

ALTER TABLE datasets ENABLE ROW LEVEL SECURITY;
ALTER TABLE datasets FORCE ROW LEVEL SECURITY;
CREATE POLICY datasets_tenant ON datasets AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY datasets_tenant_only ON datasets AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
