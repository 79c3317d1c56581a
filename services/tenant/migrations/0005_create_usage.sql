SET LOCAL lock_timeout = '5s';

-- What tenants used, by day (UTC). Senders count for many tenants at once, hence the system's context.
CREATE TABLE usage (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    requests bigint NOT NULL DEFAULT 0,
    runs bigint NOT NULL DEFAULT 0,
    task_seconds bigint NOT NULL DEFAULT 0,
    storage_bytes bigint NOT NULL DEFAULT 0,
    seats bigint NOT NULL DEFAULT 0,
    CONSTRAINT usage_pkey PRIMARY KEY (tenant_id, day),
    CONSTRAINT usage_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (tenant_id) ON DELETE CASCADE
);
ALTER TABLE usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage FORCE ROW LEVEL SECURITY;
CREATE POLICY usage_tenant ON usage AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY usage_tenant_only ON usage AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
REVOKE DELETE ON usage FROM trinity_tenant;

-- Batches that were counted, so that none counts twice. One is about many tenants, so it belongs to none.
CREATE TABLE usage_batches (
    batch_id text NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT usage_batches_pkey PRIMARY KEY (batch_id)
);
CREATE INDEX usage_batches_counted_idx ON usage_batches (counted_at);

CREATE TABLE budgets (
    tenant_id uuid NOT NULL,
    metric text NOT NULL,
    monthly_amount bigint NOT NULL,
    alert_percents integer[] NOT NULL,
    CONSTRAINT budgets_pkey PRIMARY KEY (tenant_id, metric),
    CONSTRAINT budgets_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (tenant_id) ON DELETE CASCADE,
    CONSTRAINT budgets_metric_check CHECK (metric IN ('requests', 'runs', 'task_seconds', 'storage_bytes', 'seats')),
    CONSTRAINT budgets_monthly_amount_check CHECK (monthly_amount > 0)
);
ALTER TABLE budgets ENABLE ROW LEVEL SECURITY;
ALTER TABLE budgets FORCE ROW LEVEL SECURITY;
CREATE POLICY budgets_tenant ON budgets AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY budgets_tenant_only ON budgets AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');

-- Alerts that were given; the primary key gives each once a month.
CREATE TABLE budget_alerts (
    tenant_id uuid NOT NULL,
    metric text NOT NULL,
    -- Its first day.
    month date NOT NULL,
    percent integer NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT budget_alerts_pkey PRIMARY KEY (tenant_id, metric, month, percent),
    CONSTRAINT budget_alerts_budget_fkey FOREIGN KEY (tenant_id, metric) REFERENCES budgets (tenant_id, metric)
        ON DELETE CASCADE
);
ALTER TABLE budget_alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY budget_alerts_tenant ON budget_alerts AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY budget_alerts_tenant_only ON budget_alerts AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
