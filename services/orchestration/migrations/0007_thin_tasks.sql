-- What changes while a task waits and runs is kept in its row of the queue alone: the wide row of `tasks` is written when it
-- is made and when it ends (and when an attempt fails), so that the hot path writes little.
SET LOCAL lock_timeout = '5s';

ALTER TABLE queue
    -- Files that it reads, as JSON.
    ADD COLUMN inputs json,
    ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now(),
    -- Of the last attempt.
    ADD COLUMN started_at timestamptz;

DO $$
BEGIN
    PERFORM set_config('app.system', 'on', true);
    UPDATE queue AS q
    SET inputs = t.inputs, queued_at = coalesce(t.queued_at, q.queued_at), started_at = t.started_at
    FROM tasks AS t
    WHERE t.tenant_id = q.tenant_id AND t.run_id = q.run_id AND t.ordinal = q.ordinal;
    UPDATE tasks AS t
    SET status = 'queued'
    FROM queue AS q
    WHERE t.tenant_id = q.tenant_id AND t.run_id = q.run_id AND t.ordinal = q.ordinal AND t.status = 'running';
    PERFORM set_config('app.system', '', true);
END
$$;

-- One key instead of two indexes: whatever asks for a task knows its run.
ALTER TABLE queue DROP CONSTRAINT queue_pkey;
DROP INDEX queue_by_run;
ALTER TABLE queue ADD CONSTRAINT queue_pkey PRIMARY KEY (tenant_id, run_id, ordinal);
-- Rows live for a moment: what is dead is to be cleared away before it is as much as the living.
ALTER TABLE queue SET (
    autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0
);

-- The engine that keeps the run's tasks in memory: nobody else has written them since.
ALTER TABLE runs ADD COLUMN kept_by uuid;

-- Every row of these partitions is written once more, in the room that its page has left for it.
CREATE OR REPLACE FUNCTION ensure_partitions(months_ahead integer) RETURNS void
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
                IF parent <> 'task_logs' THEN
                    EXECUTE format('ALTER TABLE %I SET (fillfactor = 50)', part);
                END IF;
            END IF;
        END LOOP;
    END LOOP;
END
$$;

DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        SELECT inhrelid FROM pg_inherits WHERE inhparent IN ('runs'::regclass, 'tasks'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 50)', part);
    END LOOP;
END
$$;
