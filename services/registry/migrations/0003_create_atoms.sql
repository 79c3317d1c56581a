SET LOCAL lock_timeout = '5s';

-- Installation-wide: filled by the service at start from the specs that it was built with.
CREATE TABLE atoms (
    slug text NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    description text NOT NULL,
    CONSTRAINT atoms_pkey PRIMARY KEY (slug)
);
REVOKE DELETE ON atoms FROM trinity_registry;

CREATE TABLE atom_versions (
    atom text NOT NULL,
    version text NOT NULL,
    config_schema json NOT NULL,
    example json NOT NULL,
    min_inputs integer NOT NULL,
    max_inputs integer NOT NULL,
    outputs text[] NOT NULL,
    passthrough boolean NOT NULL,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT atom_versions_pkey PRIMARY KEY (atom, version),
    CONSTRAINT atom_versions_atom_fkey FOREIGN KEY (atom) REFERENCES atoms (slug),
    CONSTRAINT atom_versions_version_check CHECK (version ~ '^\d{1,9}\.\d{1,9}\.\d{1,9}$')
);
-- A version never changes once it is there: workflows are pinned to it.
REVOKE UPDATE, DELETE ON atom_versions FROM trinity_registry;
