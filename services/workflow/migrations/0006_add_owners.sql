SET LOCAL lock_timeout = '5s';

-- Whose a workflow and its project are decides who may do what with it. Empty in rows from before this migration: there
-- the creator counts for both, until a save, or a list that is empty for its reader, fills in the project's owner.
ALTER TABLE workflows ADD COLUMN owner_id uuid, ADD COLUMN project_owner_id uuid;
