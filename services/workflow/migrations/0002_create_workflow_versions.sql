SET LOCAL lock_timeout = '5s';

-- Immutable snapshots: the serving role can add them and set their comment, nothing else.
CREATE TABLE workflow_versions (
    tenant_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    version bigint NOT NULL,
    -- json, not jsonb: key order and large numbers stay as they were sent.
    canvas json NOT NULL,
    canvas_hash bytea NOT NULL,
    plan json NOT NULL,
    faults json NOT NULL,
    comment text NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workflow_versions_pkey PRIMARY KEY (tenant_id, workflow_id, version),
    CONSTRAINT workflow_versions_workflow_fkey FOREIGN KEY (tenant_id, workflow_id) REFERENCES workflows (tenant_id, id)
);
REVOKE UPDATE, DELETE ON workflow_versions FROM trinity_workflow;
GRANT UPDATE (comment) ON workflow_versions TO trinity_workflow;

ALTER TABLE workflow_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY workflow_versions_tenant ON workflow_versions AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY workflow_versions_tenant_only ON workflow_versions AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
