-- Runs, tasks and logs are wide and partitioned by the month of the run, which its id (UUID version 7) tells.
-- The queue is thin: a row lives from the moment a task is ready until its result is recorded.
SET LOCAL lock_timeout = '5s';

CREATE TABLE runs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    project_id uuid NOT NULL,
    workflow_version bigint NOT NULL,
    status text NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    trigger text NOT NULL,
    context json NOT NULL,
    rows_processed bigint NOT NULL DEFAULT 0,
    result json,
    error_task text,
    error_task_id uuid,
    error_attempt integer,
    error_code text,
    error_message text,
    created_by uuid NOT NULL,
    rerun_of uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    CONSTRAINT runs_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT runs_status_known CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT runs_trigger_known CHECK (trigger IN ('manual', 'scheduled', 'webhook'))
) PARTITION BY RANGE (id);
CREATE INDEX runs_by_workflow ON runs (tenant_id, workflow_id, id DESC);
CREATE INDEX runs_by_project ON runs (tenant_id, project_id, id DESC);

CREATE TABLE tasks (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    -- The task's place in its plan: every dependency has a smaller one.
    ordinal integer NOT NULL,
    id uuid NOT NULL,
    place text NOT NULL,
    molecule text NOT NULL,
    atom text NOT NULL,
    atom_version text NOT NULL,
    config json NOT NULL,
    -- Ordinals of what it depends on, and for each the kind of edge and its expression.
    upstream integer[] NOT NULL,
    edge_types text[] NOT NULL,
    edge_conditions text[] NOT NULL,
    passthrough boolean NOT NULL,
    datasets json NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    -- Attempts that ended because a worker fell silent.
    losses integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    timeout_ms bigint NOT NULL,
    priority integer NOT NULL,
    -- Files that it reads, once it is ready, and what it hands on, once it has completed.
    inputs json,
    handed_on json,
    outputs json,
    rows_in bigint,
    rows_out bigint,
    result json,
    cached boolean NOT NULL DEFAULT false,
    error_code text,
    error_message text,
    -- Whether it failed in its last attempt and waits for a person.
    dead boolean NOT NULL DEFAULT false,
    queued_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    CONSTRAINT tasks_pkey PRIMARY KEY (tenant_id, run_id, ordinal),
    CONSTRAINT tasks_status_known CHECK (status IN ('queued', 'running', 'completed', 'failed', 'skipped', 'cancelled'))
) PARTITION BY RANGE (run_id);
CREATE INDEX tasks_dead ON tasks (tenant_id, run_id DESC, ordinal) WHERE dead;

CREATE TABLE task_logs (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    CONSTRAINT task_logs_pkey PRIMARY KEY (tenant_id, run_id, id)
) PARTITION BY RANGE (run_id);

CREATE TABLE queue (
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    run_id uuid NOT NULL,
    ordinal integer NOT NULL,
    priority integer NOT NULL,
    -- The fencing token: it grows with every lease.
    attempt integer NOT NULL,
    held boolean NOT NULL,
    not_before timestamptz NOT NULL,
    -- A lease is a worker and a time; both empty while the task waits.
    worker_id uuid,
    lease_until timestamptz,
    CONSTRAINT queue_pkey PRIMARY KEY (tenant_id, task_id),
    CONSTRAINT queue_lease_whole CHECK ((worker_id IS NULL) = (lease_until IS NULL))
);
CREATE INDEX queue_ready ON queue (tenant_id, priority DESC, task_id) WHERE worker_id IS NULL AND NOT held;
CREATE INDEX queue_leased ON queue (tenant_id, worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX queue_by_run ON queue (tenant_id, run_id);

-- What each tenant has had of the workers' time, for fair sharing.
CREATE TABLE shares (
    tenant_id uuid NOT NULL,
    virtual_time bigint NOT NULL DEFAULT 0,
    concurrency integer NOT NULL,
    CONSTRAINT shares_pkey PRIMARY KEY (tenant_id)
);

CREATE TABLE outbox (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    actor_type text NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    object_type text NOT NULL,
    object_id text NOT NULL,
    object_name text NOT NULL,
    before json,
    after json,
    ip text NOT NULL,
    user_agent text NOT NULL,
    request_id text NOT NULL,
    trace_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    audited boolean NOT NULL DEFAULT false,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT outbox_pkey PRIMARY KEY (tenant_id, id)
);

-- Processes that execute tasks, for people to see. They serve every tenant.
CREATE TABLE workers (
    id uuid NOT NULL,
    name text NOT NULL,
    slots integer NOT NULL,
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workers_pkey PRIMARY KEY (id)
);

-- The engine works for all tenants at once, so every table of its own admits app.system.
DO $$
DECLARE
    name text;
    predicate text := '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
        || ' OR (SELECT current_setting(''app.system'', true)) = ''on'')';
BEGIN
    FOREACH name IN ARRAY ARRAY['runs', 'tasks', 'task_logs', 'queue', 'shares', 'outbox'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I AS PERMISSIVE USING %s', name || '_tenant', name, predicate);
        EXECUTE format('CREATE POLICY %I ON %I AS RESTRICTIVE USING %s', name || '_tenant_only', name, predicate);
    END LOOP;
END
$$;

-- The smallest UUID version 7 of a moment.
CREATE FUNCTION uuid_floor(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;

-- Makes the partitions of this month and of those ahead. Rows that come before their partition go to the default one.
-- Runs as its owner, because the serving role makes no tables.
CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET timezone = 'UTC'
SET search_path FROM CURRENT
AS $$
DECLARE
    parent text;
    part text;
    month timestamptz;
    role text := 'trinity_' || current_schema();
BEGIN
    FOREACH parent IN ARRAY ARRAY['runs', 'tasks', 'task_logs'] LOOP
        FOR step IN -1..months_ahead LOOP
            month := date_trunc('month', now()) + make_interval(months => step);
            part := parent || to_char(month, '_YYYY_MM');
            IF to_regclass(part) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    part, parent, uuid_floor(month), uuid_floor(month + interval '1 month')
                );
                -- Nobody reaches a partition but through its parent and the parent's policies.
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
                EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
                EXECUTE format('REVOKE ALL ON %I FROM %I', part, role);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION ensure_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(integer) TO trinity_orchestration;

CREATE TABLE runs_default PARTITION OF runs DEFAULT;
CREATE TABLE tasks_default PARTITION OF tasks DEFAULT;
CREATE TABLE task_logs_default PARTITION OF task_logs DEFAULT;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['runs_default', 'tasks_default', 'task_logs_default'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('REVOKE ALL ON %I FROM trinity_orchestration', name);
    END LOOP;
END
$$;
SELECT ensure_partitions(3);
