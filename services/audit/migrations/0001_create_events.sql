SET LOCAL lock_timeout = '5s';

-- The records, by month. The primary key has created_at because a partitioned table's must; the chain's own order is sequence.
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
    CONSTRAINT events_id_key UNIQUE (tenant_id, id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX events_object_idx ON events (tenant_id, object_id, sequence DESC);
CREATE INDEX events_actor_idx ON events (tenant_id, actor_id, sequence DESC);

ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
CREATE POLICY events_tenant ON events AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY events_tenant_only ON events AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
REVOKE UPDATE, DELETE, TRUNCATE ON events FROM trinity_audit;

-- Where each chain ends. Only this row of a chain ever changes.
CREATE TABLE chains (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    head_hash bytea NOT NULL,
    -- Ed25519 over tenant, sequence and hash, so that nobody without the key can move the end.
    signature bytea NOT NULL,
    checkpoint_sequence bigint NOT NULL DEFAULT 0,
    checkpoint_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT chains_pkey PRIMARY KEY (tenant_id)
);
ALTER TABLE chains ENABLE ROW LEVEL SECURITY;
ALTER TABLE chains FORCE ROW LEVEL SECURITY;
-- The job that writes checkpoints looks for chains that have moved, whosever they are.
CREATE POLICY chains_tenant ON chains AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
CREATE POLICY chains_tenant_only ON chains AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR (SELECT current_setting('app.system', true)) = 'on');
REVOKE DELETE, TRUNCATE ON chains FROM trinity_audit;

CREATE TABLE checkpoints (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    -- Which key signed: the beginning of the public key's SHA-256, in hex.
    key_id text NOT NULL,
    signature bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT checkpoints_pkey PRIMARY KEY (tenant_id, sequence)
);
ALTER TABLE checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY checkpoints_tenant ON checkpoints AS PERMISSIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY checkpoints_tenant_only ON checkpoints AS RESTRICTIVE
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
REVOKE UPDATE, DELETE, TRUNCATE ON checkpoints FROM trinity_audit;
