SET LOCAL lock_timeout = '5s';

-- Mails that other services asked for, so that a repeat sends nothing. Forgotten after a week.
CREATE TABLE mail_requests (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    mails integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mail_requests_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX mail_requests_by_time ON mail_requests (tenant_id, created_at);
ALTER TABLE mail_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY mail_requests_tenant ON mail_requests AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY mail_requests_tenant_only ON mail_requests AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
