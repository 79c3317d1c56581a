SET LOCAL lock_timeout = '5s';

-- What people should know. Each row is one person's.
CREATE TABLE notifications (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    message text NOT NULL,
    run_id uuid NOT NULL,
    workflow_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    read_at timestamptz,
    CONSTRAINT notifications_pkey PRIMARY KEY (tenant_id, user_id, id)
);
CREATE INDEX notifications_unread ON notifications (tenant_id, user_id, id DESC) WHERE read_at IS NULL;

-- Addresses of other systems that workflows may notify.
CREATE TABLE webhook_targets (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    sealed_key bytea NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_targets_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX webhook_targets_name_key ON webhook_targets (tenant_id, lower(name));

-- Messages to addresses, and mails on their way to the identity service.
CREATE TABLE deliveries (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- Empty for a mail.
    target_id uuid,
    -- Addresses of a mail; empty for a webhook.
    recipients text[] NOT NULL DEFAULT '{}',
    run_id uuid NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    status text NOT NULL DEFAULT 'waiting',
    attempts integer NOT NULL DEFAULT 0,
    response_status integer,
    error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT deliveries_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT deliveries_target_fkey FOREIGN KEY (tenant_id, target_id) REFERENCES webhook_targets (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT deliveries_status_known CHECK (status IN ('waiting', 'delivered', 'failed')),
    CONSTRAINT deliveries_way_known CHECK ((target_id IS NULL) = (recipients <> '{}'))
);
CREATE INDEX deliveries_waiting ON deliveries (tenant_id, next_attempt_at) WHERE status = 'waiting';
CREATE INDEX deliveries_by_target ON deliveries (tenant_id, target_id, id DESC) WHERE target_id IS NOT NULL;

-- Runs end, and messages leave, for all tenants at once.
DO $$
DECLARE
    name text;
    predicate text := '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
        || ' OR (SELECT current_setting(''app.system'', true)) = ''on'')';
BEGIN
    FOREACH name IN ARRAY ARRAY['notifications', 'webhook_targets', 'deliveries'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I AS PERMISSIVE USING %s', name || '_tenant', name, predicate);
        EXECUTE format('CREATE POLICY %I ON %I AS RESTRICTIVE USING %s', name || '_tenant_only', name, predicate);
    END LOOP;
END
$$;

-- Drops the partitions of months that ended before a moment, unless a run of such a month still lives.
-- Runs as its owner, because the serving role drops no tables.
CREATE FUNCTION drop_partitions(parent text, before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET timezone = 'UTC'
SET lock_timeout = '2s'
SET search_path FROM CURRENT
AS $$
DECLARE
    part text;
    month timestamptz;
    live boolean;
    dropped integer := 0;
BEGIN
    IF parent NOT IN ('runs', 'tasks', 'task_logs') THEN
        RAISE EXCEPTION 'no partitions of % are dropped', parent;
    END IF;
    FOR part IN
        SELECT c.relname
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = parent::regclass AND c.relname ~ ('^' || parent || '_\d{4}_\d{2}$')
        ORDER BY c.relname
    LOOP
        month := to_timestamp(right(part, 7), 'YYYY_MM');
        CONTINUE WHEN month + interval '1 month' > before;
        PERFORM set_config('app.system', 'on', true);
        SELECT EXISTS (
            SELECT FROM runs
            WHERE completed_at IS NULL AND id >= uuid_floor(month) AND id < uuid_floor(month + interval '1 month')
        ) INTO live;
        CONTINUE WHEN live;
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION drop_partitions(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_partitions(text, timestamptz) TO trinity_orchestration;
