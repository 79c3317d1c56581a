SET LOCAL lock_timeout = '5s';

-- One set of keys for the whole installation: no tenant, no row-level security.
CREATE TABLE signing_keys (
    generation bigint NOT NULL,
    kid text NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    signs_from timestamptz NOT NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (generation),
    CONSTRAINT signing_keys_kid_key UNIQUE (kid)
);
REVOKE UPDATE ON signing_keys FROM trinity_identity;
