SET LOCAL lock_timeout = '5s';

-- Whose the workflow and its project were when the run started: they may see and control it. Empty in runs from before
-- this migration: there who started the run counts for both.
ALTER TABLE runs ADD COLUMN workflow_owner_id uuid, ADD COLUMN project_owner_id uuid;
-- Runs that have not ended, for the limit of them.
CREATE INDEX runs_live ON runs (tenant_id) WHERE completed_at IS NULL;

-- A suspended tenant's tasks wait.
ALTER TABLE shares ADD COLUMN paused boolean NOT NULL DEFAULT false;

-- What tenants used and the tenant service has not yet been told. Rows are only added, each with what it counts, so that
-- nobody waits for a counter; a batch never changes once it has its id, and goes when it was taken.
CREATE TABLE usage (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    day date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    runs bigint NOT NULL DEFAULT 0,
    task_ms bigint NOT NULL DEFAULT 0,
    -- Less than a second that an earlier batch left over: it goes with the tenant's next one.
    rest boolean NOT NULL DEFAULT false,
    batch_id uuid,
    CONSTRAINT usage_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX usage_fresh ON usage (tenant_id, id) WHERE batch_id IS NULL AND NOT rest;
CREATE INDEX usage_batches ON usage (tenant_id, batch_id) WHERE batch_id IS NOT NULL;

ALTER TABLE usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage FORCE ROW LEVEL SECURITY;
CREATE POLICY usage_tenant ON usage AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY usage_tenant_only ON usage AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
