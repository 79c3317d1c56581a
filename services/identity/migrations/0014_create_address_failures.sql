SET LOCAL lock_timeout = '5s';

-- Wrong passwords and codes by the address that they came from. One address may try many tenants, known or not: no
-- tenant, no row-level security.
CREATE TABLE address_failures (
    address text NOT NULL,
    failed_attempts double precision NOT NULL,
    failed_at timestamptz NOT NULL,
    locked_until timestamptz NOT NULL,
    CONSTRAINT address_failures_pkey PRIMARY KEY (address)
);
CREATE INDEX address_failures_failed_at_idx ON address_failures (failed_at);
