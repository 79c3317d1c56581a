SET LOCAL lock_timeout = '5s';

-- The folder of registry in which a workflow or job lies; empty for those that lie in none.
ALTER TABLE workflows ADD COLUMN folder_id uuid;
ALTER TABLE jobs ADD COLUMN folder_id uuid;
CREATE INDEX workflows_folder_idx ON workflows (tenant_id, folder_id, id DESC) WHERE folder_id IS NOT NULL;
CREATE INDEX jobs_folder_idx ON jobs (tenant_id, folder_id, id DESC) WHERE folder_id IS NOT NULL;
