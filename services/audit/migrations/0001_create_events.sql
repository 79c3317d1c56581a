-- The audit trail: one chain a tenant, in monthly partitions. Nobody but the owner may change or remove an event.
SET LOCAL lock_timeout = '5s';

CREATE TABLE events (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
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
    created_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (tenant_id, sequence, created_at),
    CONSTRAINT events_id_once UNIQUE (tenant_id, id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX events_by_object ON events (tenant_id, object_id, sequence DESC);
CREATE INDEX events_by_actor ON events (tenant_id, actor_id, sequence DESC);
CREATE INDEX events_by_action ON events (tenant_id, action, sequence DESC);
REVOKE UPDATE, DELETE ON events FROM trinity_audit;

-- The newest link of each chain, signed.
CREATE TABLE chains (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    head_hash bytea NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL,
    CONSTRAINT chains_pkey PRIMARY KEY (tenant_id)
);
REVOKE DELETE ON chains FROM trinity_audit;

-- Signed links along each chain: a forged chain would have to forge them as well.
CREATE TABLE checkpoints (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT checkpoints_pkey PRIMARY KEY (tenant_id, sequence)
);
REVOKE UPDATE, DELETE ON checkpoints FROM trinity_audit;

DO $$
DECLARE
    name text;
    predicate text := '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid))';
BEGIN
    FOREACH name IN ARRAY ARRAY['events', 'chains', 'checkpoints'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I AS PERMISSIVE USING %s', name || '_tenant', name, predicate);
        EXECUTE format('CREATE POLICY %I ON %I AS RESTRICTIVE USING %s', name || '_tenant_only', name, predicate);
    END LOOP;
END
$$;

-- Makes the partitions of this month and of those ahead. Runs as its owner, because the serving role makes no tables.
CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET timezone = 'UTC'
SET search_path FROM CURRENT
AS $$
DECLARE
    part text;
    month timestamptz;
BEGIN
    FOR step IN -1..months_ahead LOOP
        month := date_trunc('month', now()) + make_interval(months => step);
        part := 'events' || to_char(month, '_YYYY_MM');
        IF to_regclass(part) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)', part, month, month + interval '1 month'
            );
            -- Nobody reaches a partition but through its parent and the parent's policies.
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
            EXECUTE format('REVOKE ALL ON %I FROM trinity_audit', part);
        END IF;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION ensure_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(integer) TO trinity_audit;

-- Takes events of months that have no partition, so that none is lost.
CREATE TABLE events_default PARTITION OF events DEFAULT;
ALTER TABLE events_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE events_default FORCE ROW LEVEL SECURITY;
REVOKE ALL ON events_default FROM trinity_audit;
SELECT ensure_partitions(3);
