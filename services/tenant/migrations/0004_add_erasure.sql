SET LOCAL lock_timeout = '5s';

-- When the grace period of a request for erasure ends.
ALTER TABLE tenants ADD COLUMN erase_after timestamptz;
ALTER TABLE tenants DROP CONSTRAINT tenants_status_check;
ALTER TABLE tenants ADD CONSTRAINT tenants_status_check CHECK (status IN ('active', 'suspended', 'erasing'));
ALTER TABLE tenants ADD CONSTRAINT tenants_erasure_check CHECK (erase_after IS NULL OR status <> 'active');
DROP INDEX tenants_suspended_idx;
-- For the job that looks for grace periods that have ended.
CREATE INDEX tenants_erasure_idx ON tenants (tenant_id, erase_after) WHERE erase_after IS NOT NULL AND status = 'suspended';
