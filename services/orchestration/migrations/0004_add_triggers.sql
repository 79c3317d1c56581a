SET LOCAL lock_timeout = '5s';

-- Days on which schedules do not fire.
CREATE TABLE calendars (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    -- [{"date": "2026-12-25" or "12-25", "name": "…"}]
    holidays json NOT NULL,
    -- 1 for Monday to 7 for Sunday.
    days_off integer[] NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT calendars_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX calendars_name_key ON calendars (tenant_id, lower(name));

CREATE TABLE schedules (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    project_id uuid NOT NULL,
    workflow_id uuid,
    job_id uuid,
    -- Whose the target and its project were when the schedule was made: they may see and change it.
    target_owner_id uuid NOT NULL,
    project_owner_id uuid NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    calendar_id uuid,
    catch_up text NOT NULL,
    overlap text NOT NULL,
    paused boolean NOT NULL,
    context json NOT NULL,
    priority integer NOT NULL,
    -- While it is paused, the first fire time that it misses. Empty when it never fires again.
    next_fire_at timestamptz,
    last_fire_at timestamptz,
    -- The last run that it asked for.
    last_run_id uuid,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT schedules_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT schedules_calendar_fkey FOREIGN KEY (tenant_id, calendar_id) REFERENCES calendars (tenant_id, id),
    CONSTRAINT schedules_target_known CHECK ((workflow_id IS NULL) <> (job_id IS NULL)),
    CONSTRAINT schedules_catch_up_known CHECK (catch_up IN ('none', 'one', 'all')),
    CONSTRAINT schedules_overlap_known CHECK (overlap IN ('skip', 'queue', 'allow'))
);
CREATE INDEX schedules_due ON schedules (tenant_id, next_fire_at) WHERE NOT paused AND next_fire_at IS NOT NULL;
CREATE INDEX schedules_by_calendar ON schedules (tenant_id, calendar_id) WHERE calendar_id IS NOT NULL;

-- What schedules did at their fire times. One whose run is still a row of `starts` waits.
CREATE TABLE fires (
    tenant_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    fire_at timestamptz NOT NULL,
    outcome text NOT NULL,
    run_id uuid,
    message text NOT NULL DEFAULT '',
    CONSTRAINT fires_pkey PRIMARY KEY (tenant_id, schedule_id, fire_at),
    CONSTRAINT fires_schedule_fkey FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT fires_outcome_known CHECK (outcome IN ('started', 'skipped'))
);
CREATE INDEX fires_by_run ON fires (tenant_id, run_id) WHERE run_id IS NOT NULL;

-- Secret addresses that start runs.
CREATE TABLE hooks (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    project_id uuid NOT NULL,
    workflow_id uuid,
    job_id uuid,
    target_owner_id uuid NOT NULL,
    project_owner_id uuid NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    priority integer NOT NULL,
    -- SHA-256 of the secret in the address.
    digest bytea NOT NULL,
    sealed_key bytea NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_received_at timestamptz,
    CONSTRAINT hooks_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT hooks_digest_key UNIQUE (tenant_id, digest),
    CONSTRAINT hooks_target_known CHECK ((workflow_id IS NULL) <> (job_id IS NULL))
);

-- Calls that started a run, so that a repeat gets the same answer.
CREATE TABLE hook_calls (
    tenant_id uuid NOT NULL,
    hook_id uuid NOT NULL,
    -- The header webhook-id.
    message_id text NOT NULL,
    run_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT hook_calls_pkey PRIMARY KEY (tenant_id, hook_id, message_id),
    CONSTRAINT hook_calls_hook_fkey FOREIGN KEY (tenant_id, hook_id) REFERENCES hooks (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX hook_calls_by_time ON hook_calls (tenant_id, received_at);

-- Schedules fire, and what is old goes, for all tenants at once.
DO $$
DECLARE
    name text;
    predicate text := '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
        || ' OR (SELECT current_setting(''app.system'', true)) = ''on'')';
BEGIN
    FOREACH name IN ARRAY ARRAY['calendars', 'schedules', 'fires', 'hook_calls'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I AS PERMISSIVE USING %s', name || '_tenant', name, predicate);
        EXECUTE format('CREATE POLICY %I ON %I AS RESTRICTIVE USING %s', name || '_tenant_only', name, predicate);
    END LOOP;
END
$$;

ALTER TABLE hooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE hooks FORCE ROW LEVEL SECURITY;
CREATE POLICY hooks_tenant ON hooks AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY hooks_tenant_only ON hooks AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
