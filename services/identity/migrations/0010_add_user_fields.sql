SET LOCAL lock_timeout = '5s';

ALTER TABLE users
    ADD COLUMN photo_url text NOT NULL DEFAULT '',
    ADD COLUMN mfa_enabled boolean NOT NULL DEFAULT false;
-- Seats are counted in the transaction that takes one.
CREATE INDEX users_active_idx ON users (tenant_id) WHERE active;
