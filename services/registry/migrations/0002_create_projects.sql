SET LOCAL lock_timeout = '5s';

-- Installation-wide: the apps that projects are made for. Which of them a tenant may use is the tenant service's to say.
CREATE TABLE apps (
    slug text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT apps_pkey PRIMARY KEY (slug)
);
REVOKE INSERT, UPDATE, DELETE ON apps FROM trinity_registry;

INSERT INTO apps (slug, name, description)
VALUES
    ('marketing-mix', 'Marketing mix', 'Finds out how much each channel of marketing adds to sales.'),
    ('forecasting', 'Forecasting', 'Predicts how a series goes on from how it went so far.'),
    ('eda', 'Exploratory data analysis', 'Shows what is in a table: kinds of columns, gaps, distributions and relations.');

CREATE TABLE projects (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    owner_id uuid NOT NULL,
    app text NOT NULL,
    state json NOT NULL,
    -- The last revision of the canvas that the workflow service has handed over.
    state_revision bigint NOT NULL DEFAULT 0,
    settings json NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    deleted_reason text,
    CONSTRAINT projects_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX projects_live_name_key ON projects (tenant_id, lower(name)) WHERE deleted_at IS NULL;

ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects FORCE ROW LEVEL SECURITY;
CREATE POLICY projects_tenant ON projects AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY projects_tenant_only ON projects AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
