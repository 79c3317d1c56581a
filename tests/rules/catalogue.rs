//! The catalogue test: what Postgres itself says about tenancy, for every table of every service.
//!
//! The rules themselves are in ARCHITECTURE.md, "Invariants".

use sqlx::PgConnection;
use trinity_stack_tests::migrators;
use trinity_testkit::TestDb;

/// Tables of the whole installation, which have no tenant, and why.
const INSTALLATION_TABLES: &[(&str, &str)] = &[
    ("identity.address_failures", "an address is locked out whatever tenants it tries"),
    ("identity.signing_keys", "tokens of every tenant are signed with the same keys"),
    ("identity.staff", "operators belong to no tenant"),
    ("identity.staff_sessions", "operators belong to no tenant"),
    ("orchestration.workers", "workers serve every tenant"),
    ("registry.apps", "the catalogue of apps is everybody's"),
    ("registry.atoms", "the catalogue of atoms is everybody's"),
    ("registry.atom_versions", "the catalogue of atoms is everybody's"),
    ("tenant.flags", "features and their defaults are the installation's"),
    ("tenant.plans", "one price list for everybody"),
    ("tenant.usage_batches", "one batch tells of many tenants"),
];

/// Keys and indexes that do not begin with the tenant, and why.
const INSTALLATION_KEYS: &[(&str, &str)] = &[
    ("identity.api_keys_id_key", "a key names its tenant before anybody knows who calls"),
    ("tenant.tenants_slug_key", "a slug names one tenant of the installation"),
    ("tenant.domains_domain_key", "a domain belongs to one tenant of the installation"),
];

/// Tables whose policies admit work for all tenants at once (`app.system`), and why.
const SYSTEM_TABLES: &[(&str, &str)] = &[
    ("outbox", "relays carry the events of every tenant"),
    ("audit.chains", "the checkpoint job finds the chains that moved"),
    ("identity.api_keys", "the times of last use are written in batches over tenants"),
    ("identity.mails", "one job sends the mails of every tenant"),
    ("identity.sessions", "one job removes the dead sessions of every tenant"),
    ("identity.tenant_keys", "a new master key re-wraps the keys of every tenant"),
    ("registry.tenant_usage", "the report of stored bytes reads the usage of every tenant"),
    ("tenant.tenants", "the platform's own list of tenants"),
    ("tenant.domains", "a login finds its tenant by the domain"),
    ("tenant.usage", "a batch tells of many tenants"),
    ("tenant.budgets", "as usage"),
    ("tenant.budget_alerts", "as usage"),
    ("orchestration.runs", "the engine records results of every tenant in one transaction"),
    ("orchestration.tasks", "as runs"),
    ("orchestration.task_logs", "as runs"),
    ("orchestration.queue", "claims choose among all tenants"),
    ("orchestration.shares", "claims choose among all tenants"),
    ("orchestration.usage", "one job reports the usage of every tenant"),
    ("orchestration.starts", "one job starts the runs of every tenant"),
    ("orchestration.returns", "the engine tells parents of every tenant"),
    ("orchestration.calendars", "as schedules"),
    ("orchestration.schedules", "one job fires the schedules of every tenant"),
    ("orchestration.fires", "as schedules"),
    ("orchestration.hook_calls", "one job forgets old calls of every tenant"),
    ("orchestration.notifications", "the engine tells people of every tenant how runs ended"),
    ("orchestration.webhook_targets", "as deliveries"),
    ("orchestration.deliveries", "one job delivers for every tenant"),
    ("orchestration.lineage", "the engine records results of every tenant in one transaction"),
    ("orchestration.lineage_inputs", "as lineage"),
    ("orchestration.lineage_events", "one job sends the events of every tenant"),
];

pub const TENANT: &str =
    "(tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\"))";
pub const TENANT_OR_SYSTEM: &str = "((tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\")) OR (( SELECT current_setting('app.system'::text, true) AS current_setting) = 'on'::text))";

struct Catalogue {
    db: TestDb,
    connection: PgConnection,
}

impl Catalogue {
    async fn open() -> Self {
        let db = TestDb::with(&migrators()).await;
        let connection = db.admin().await;
        Self { db, connection }
    }

    async fn rows(&mut self, query: &'static str) -> Vec<(String, String)> {
        sqlx::query_as(query).fetch_all(&mut self.connection).await.expect("the catalogue")
    }
}

/// The policies of one table, a line each: permissive or restrictive, command, predicates.
pub async fn lists_policies(connection: &mut PgConnection, table: &str) -> String {
    sqlx::query_scalar(
        "SELECT coalesce(
            string_agg(
                left(permissive, 1) || cmd || '|' || coalesce(qual, '') || '|' || coalesce(with_check, ''),
                E'\\n' ORDER BY permissive, cmd
            ),
            ''
        )
        FROM pg_policies
        WHERE schemaname || '.' || tablename = $1",
    )
    .bind(table)
    .fetch_one(connection)
    .await
    .expect("the policies")
}

fn listed(list: &[(&str, &str)], name: &str) -> bool {
    let short = name.split_once('.').map_or(name, |(_, table)| table);
    list.iter().any(|(known, _)| *known == name || *known == short)
}

#[tokio::test]
async fn every_table_has_a_tenant_or_a_reason() {
    let mut catalogue = Catalogue::open().await;
    let without = catalogue
        .rows(
            "SELECT n.nspname || '.' || c.relname, ''
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
                AND n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')
                AND c.relname <> '_sqlx_migrations'
                AND NOT EXISTS (
                    SELECT 1 FROM pg_attribute AS a
                    WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull
                )",
        )
        .await;
    let surprising: Vec<_> = without.iter().filter(|(name, _)| !listed(INSTALLATION_TABLES, name)).collect();
    assert!(surprising.is_empty(), "tables without tenant_id uuid NOT NULL: {surprising:?}");
}

#[tokio::test]
async fn every_tenant_table_forces_row_level_security() {
    let mut catalogue = Catalogue::open().await;
    let lax = catalogue
        .rows(
            "SELECT n.nspname || '.' || c.relname, ''
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE c.relkind IN ('r', 'p')
                AND n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')
                AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
        )
        .await;
    assert!(lax.is_empty(), "tables without forced row-level security: {lax:?}");
}

#[tokio::test]
async fn every_tenant_table_has_both_policies_and_just_the_known_predicates() {
    let mut catalogue = Catalogue::open().await;
    let tables = catalogue
        .rows(
            "SELECT n.nspname || '.' || c.relname, ''
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
                AND n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')",
        )
        .await;
    assert!(tables.len() >= 30, "the query finds the tables: {tables:?}");
    for (table, _) in tables {
        let predicate = if listed(SYSTEM_TABLES, &table) { TENANT_OR_SYSTEM } else { TENANT };
        let wanted = format!("PALL|{predicate}|\nRALL|{predicate}|");
        assert_eq!(lists_policies(&mut catalogue.connection, &table).await, wanted, "{table}");
    }
}

#[tokio::test]
async fn every_key_of_a_tenant_table_begins_with_the_tenant() {
    let mut catalogue = Catalogue::open().await;
    let indexes = catalogue
        .rows(
            "SELECT n.nspname || '.' || i.relname, pg_get_indexdef(x.indexrelid)
            FROM pg_index AS x
            JOIN pg_class AS i ON i.oid = x.indexrelid
            JOIN pg_class AS c ON c.oid = x.indrelid
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')
                AND NOT c.relispartition AND x.indkey[0] <> a.attnum",
        )
        .await;
    let surprising: Vec<_> = indexes.iter().filter(|(name, _)| !listed(INSTALLATION_KEYS, name)).collect();
    assert!(surprising.is_empty(), "indexes that do not begin with tenant_id: {surprising:#?}");
    let keys = catalogue
        .rows(
            "SELECT n.nspname || '.' || k.conname, pg_get_constraintdef(k.oid)
            FROM pg_constraint AS k
            JOIN pg_class AS c ON c.oid = k.conrelid
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE k.contype = 'f' AND n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')
                AND k.conkey[1] <> a.attnum",
        )
        .await;
    assert!(keys.is_empty(), "foreign keys that do not begin with tenant_id: {keys:#?}");
}

#[tokio::test]
async fn serving_roles_own_nothing_and_cannot_step_around() {
    let mut catalogue = Catalogue::open().await;
    let strong = catalogue
        .rows(
            "SELECT rolname::text, '' FROM pg_roles
            WHERE rolname ~ '^trinity_(tenant|identity|registry|workflow|orchestration|audit)(_owner)?$'
                AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)",
        )
        .await;
    assert!(strong.is_empty(), "{strong:?}");
    let owned = catalogue
        .rows(
            "SELECT n.nspname || '.' || c.relname, r.rolname::text
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_roles AS r ON r.oid = c.relowner
            WHERE n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')
                AND r.rolname <> 'trinity_' || n.nspname || '_owner'",
        )
        .await;
    assert!(owned.is_empty(), "{owned:?}");
    let excess = catalogue
        .rows(
            "SELECT n.nspname || '.' || c.relname, s.name || ' may'
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            CROSS JOIN unnest(ARRAY['tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit']) AS s (name)
            WHERE c.relkind IN ('r', 'p')
                AND n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')
                AND (
                    has_table_privilege('trinity_' || s.name, c.oid, 'TRUNCATE')
                    OR (
                        (n.nspname <> s.name OR c.relispartition)
                        AND has_table_privilege('trinity_' || s.name, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
                    )
                )",
        )
        .await;
    assert!(excess.is_empty(), "{excess:?}");
}

#[tokio::test]
async fn a_service_cannot_read_another_services_tables() {
    let catalogue = Catalogue::open().await;
    for (reader, table) in
        [("registry", "workflow.workflows"), ("workflow", "identity.users"), ("audit", "registry.projects")]
    {
        use sqlx::Connection;
        let mut connection = PgConnection::connect(&catalogue.db.urls(reader).serve).await.expect("a connection");
        let statement = format!("SELECT count(*) FROM {table}");
        let refused = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{reader} reads {table}: {refused}");
    }
}
