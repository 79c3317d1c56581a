SET LOCAL lock_timeout = '5s';

-- Which runs are counted in workflows.execution_count, so that each is counted once.
CREATE TABLE workflow_executions (
    tenant_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    run_id uuid NOT NULL,
    executed_at timestamptz NOT NULL,
    CONSTRAINT workflow_executions_pkey PRIMARY KEY (tenant_id, workflow_id, run_id),
    CONSTRAINT workflow_executions_workflow_fkey FOREIGN KEY (tenant_id, workflow_id)
        REFERENCES workflows (tenant_id, id)
);

ALTER TABLE workflow_executions ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow_executions FORCE ROW LEVEL SECURITY;
CREATE POLICY workflow_executions_tenant ON workflow_executions AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY workflow_executions_tenant_only ON workflow_executions AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
