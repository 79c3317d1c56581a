SET LOCAL lock_timeout = '5s';

-- A run of a job has no workflow of its own. A run that a task of another run started knows which.
ALTER TABLE runs
    ALTER COLUMN workflow_id DROP NOT NULL,
    ADD COLUMN job_id uuid,
    -- The workflow's or the job's name when the run started.
    ADD COLUMN name text NOT NULL DEFAULT '',
    ADD COLUMN parent_run_id uuid,
    ADD COLUMN parent_task_id uuid,
    ADD COLUMN item integer,
    -- How many runs are above it.
    ADD COLUMN depth integer NOT NULL DEFAULT 0,
    ADD COLUMN schedule_id uuid,
    ADD COLUMN hook_id uuid,
    ADD COLUMN priority integer NOT NULL DEFAULT 0,
    -- How long it may take; 0 for no limit.
    ADD COLUMN timeout_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN deadline_at timestamptz,
    -- Runs of a project with the same key share its limit; one that is not admitted yet waits for the others.
    ADD COLUMN concurrency_key text,
    ADD COLUMN concurrency_limit integer NOT NULL DEFAULT 0,
    ADD COLUMN admitted boolean NOT NULL DEFAULT true,
    -- What its parent's task handed to it.
    ADD COLUMN inputs json,
    -- Who is told how it ends.
    ADD COLUMN notify json,
    DROP CONSTRAINT runs_trigger_known,
    ADD CONSTRAINT runs_trigger_known CHECK (trigger IN ('manual', 'scheduled', 'webhook', 'parent')),
    ADD CONSTRAINT runs_target_known CHECK ((workflow_id IS NULL) <> (job_id IS NULL)),
    ADD CONSTRAINT runs_parent_whole CHECK ((parent_run_id IS NULL) = (parent_task_id IS NULL));
CREATE INDEX runs_by_job ON runs (tenant_id, job_id, id DESC) WHERE job_id IS NOT NULL;
CREATE INDEX runs_by_schedule ON runs (tenant_id, schedule_id, id DESC) WHERE schedule_id IS NOT NULL;
CREATE INDEX runs_by_task ON runs (tenant_id, parent_task_id, status) WHERE parent_task_id IS NOT NULL;
CREATE INDEX runs_live_children ON runs (tenant_id, parent_run_id) WHERE parent_run_id IS NOT NULL AND completed_at IS NULL;
CREATE INDEX runs_by_key ON runs (tenant_id, project_id, concurrency_key, id) WHERE concurrency_key IS NOT NULL AND completed_at IS NULL;
CREATE INDEX runs_deadline ON runs (tenant_id, deadline_at) WHERE deadline_at IS NOT NULL AND completed_at IS NULL;

ALTER TABLE tasks
    ADD COLUMN type text NOT NULL DEFAULT 'atom_execution',
    ADD COLUMN any_input boolean NOT NULL DEFAULT false,
    -- Ordinals of the followers whose condition held when it completed.
    ADD COLUMN opened integer[],
    ADD COLUMN backoff_ms bigint NOT NULL DEFAULT 500,
    ADD COLUMN max_backoff_ms bigint NOT NULL DEFAULT 60000,
    ADD COLUMN worker_label text NOT NULL DEFAULT 'default',
    -- Names of the secrets that its config refers to.
    ADD COLUMN secrets text[] NOT NULL DEFAULT '{}',
    -- For the atom "partition", once it has completed: the value and the file of each part.
    ADD COLUMN parts json;
CREATE INDEX tasks_dead_by_id ON tasks (tenant_id, id) WHERE dead;

ALTER TABLE queue
    ADD COLUMN label text NOT NULL DEFAULT 'default',
    ADD COLUMN timeout_ms bigint NOT NULL DEFAULT 3600000,
    -- When a leased attempt is over, though its worker may live.
    ADD COLUMN give_up_at timestamptz;
DROP INDEX queue_ready;
CREATE INDEX queue_ready ON queue (tenant_id, label, priority DESC, task_id) WHERE worker_id IS NULL AND NOT held;

ALTER TABLE workers ADD COLUMN labels text[] NOT NULL DEFAULT '{default}';

-- Runs that nobody waits for at the door: written with their cause, made by a job, gone once they are runs.
CREATE TABLE starts (
    tenant_id uuid NOT NULL,
    -- The id of the run to be.
    id uuid NOT NULL,
    workflow_id uuid,
    -- The newest when empty.
    workflow_version bigint,
    job_id uuid,
    project_id uuid NOT NULL,
    -- For a child: what is added to its parent's context.
    context json NOT NULL,
    inputs json,
    trigger text NOT NULL,
    created_by uuid NOT NULL,
    schedule_id uuid,
    hook_id uuid,
    parent_run_id uuid,
    parent_task_id uuid,
    item integer,
    depth integer NOT NULL DEFAULT 0,
    priority integer NOT NULL DEFAULT 0,
    timeout_ms bigint NOT NULL DEFAULT 0,
    -- An item of a fan-out is closed until the width lets it in.
    open boolean NOT NULL DEFAULT true,
    -- The run that must have ended before.
    after_run uuid,
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    tries integer NOT NULL DEFAULT 0,
    -- The code of what kept it from starting last time.
    waiting_for text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT starts_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT starts_target_known CHECK ((workflow_id IS NULL) <> (job_id IS NULL)),
    CONSTRAINT starts_trigger_known CHECK (trigger IN ('manual', 'scheduled', 'webhook', 'parent')),
    CONSTRAINT starts_parent_whole CHECK ((parent_run_id IS NULL) = (parent_task_id IS NULL))
);
CREATE INDEX starts_open ON starts (tenant_id, priority DESC, id) WHERE open;
CREATE INDEX starts_by_task ON starts (tenant_id, parent_task_id, item) WHERE parent_task_id IS NOT NULL;
CREATE INDEX starts_by_parent ON starts (tenant_id, parent_run_id) WHERE parent_run_id IS NOT NULL;

-- Children that ended, until their parents have heard of it.
CREATE TABLE returns (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    CONSTRAINT returns_pkey PRIMARY KEY (tenant_id, id)
);

DO $$
DECLARE
    name text;
    predicate text := '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
        || ' OR (SELECT current_setting(''app.system'', true)) = ''on'')';
BEGIN
    FOREACH name IN ARRAY ARRAY['starts', 'returns'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I AS PERMISSIVE USING %s', name || '_tenant', name, predicate);
        EXECUTE format('CREATE POLICY %I ON %I AS RESTRICTIVE USING %s', name || '_tenant_only', name, predicate);
    END LOOP;
END
$$;
