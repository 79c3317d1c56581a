SET LOCAL lock_timeout = '5s';

-- Which dataset a task made of which others.
CREATE TABLE lineage (
    tenant_id uuid NOT NULL,
    output_dataset_id uuid NOT NULL,
    run_id uuid NOT NULL,
    task_id uuid NOT NULL,
    project_id uuid NOT NULL,
    ordinal integer NOT NULL,
    output_name text NOT NULL,
    -- In the order of the task's inputs, then those that its config names.
    input_dataset_ids uuid[] NOT NULL,
    -- [{"column": "a", "sources": [{"input": 0, "column": "b"}]}]
    columns json NOT NULL,
    completed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lineage_pkey PRIMARY KEY (tenant_id, output_dataset_id)
);
CREATE INDEX lineage_by_run ON lineage (tenant_id, run_id, ordinal);

-- The same, to be followed from an input.
CREATE TABLE lineage_inputs (
    tenant_id uuid NOT NULL,
    input_dataset_id uuid NOT NULL,
    output_dataset_id uuid NOT NULL,
    CONSTRAINT lineage_inputs_pkey PRIMARY KEY (tenant_id, input_dataset_id, output_dataset_id),
    CONSTRAINT lineage_inputs_output_fkey FOREIGN KEY (tenant_id, output_dataset_id)
        REFERENCES lineage (tenant_id, output_dataset_id) ON DELETE CASCADE
);
CREATE INDEX lineage_inputs_by_output ON lineage_inputs (tenant_id, output_dataset_id);

-- Runs that started or ended, of which an OpenLineage receiver has not been told yet.
CREATE TABLE lineage_events (
    tenant_id uuid NOT NULL,
    -- The event's in the outbox.
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    type text NOT NULL,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT lineage_events_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT lineage_events_type_known CHECK (type IN ('START', 'COMPLETE', 'FAIL', 'ABORT'))
);

DO $$
DECLARE
    name text;
    predicate text := '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
        || ' OR (SELECT current_setting(''app.system'', true)) = ''on'')';
BEGIN
    FOREACH name IN ARRAY ARRAY['lineage', 'lineage_inputs', 'lineage_events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I AS PERMISSIVE USING %s', name || '_tenant', name, predicate);
        EXECUTE format('CREATE POLICY %I ON %I AS RESTRICTIVE USING %s', name || '_tenant_only', name, predicate);
    END LOOP;
END
$$;
