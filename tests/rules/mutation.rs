//! Row-level security by mutation: whichever policy is taken away or opened, something notices.
//!
//! Two probes stand guard. One asks the catalogue for both policies with their known predicates; the other puts a row of
//! each of two tenants into every table and looks at them as the serving role. Every mutation happens in a transaction
//! that is rolled back.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use trinity_stack_tests::migrators;
use trinity_testkit::TestDb;
use uuid::Uuid;

use crate::catalogue::{TENANT, TENANT_OR_SYSTEM, lists_policies};

/// A scratch database with a row of each of two tenants in every tenant table.
struct Scratch {
    connection: PgConnection,
    /// Tables that took their rows, by schema.
    tables: Vec<(String, String)>,
    mine: Uuid,
    _db: TestDb,
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

impl Scratch {
    async fn open() -> Self {
        let db = TestDb::with(&migrators()).await;
        let mut connection = db.admin().await;
        let (mine, theirs) = (Uuid::now_v7(), Uuid::now_v7());
        let tables: Vec<(String, String)> = sqlx::query_as(
            "SELECT n.nspname::text, c.relname::text
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
                AND n.nspname IN ('tenant', 'identity', 'registry', 'workflow', 'orchestration', 'audit')
            ORDER BY 1, 2",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the tables");
        // Why: rows that stand alone need no parents, and no rules of their own.
        execute(&mut connection, "SET session_replication_role = replica".to_owned()).await.expect("a superuser");
        for (schema, table) in &tables {
            drop_checks(&mut connection, schema, table).await;
            for tenant in [mine, theirs] {
                insert(&mut connection, schema, table, tenant).await;
            }
        }
        execute(&mut connection, "SET session_replication_role = origin".to_owned()).await.expect("a superuser");
        Self { connection, tables, mine, _db: db }
    }

    /// What the serving role of a table's service sees of it in this very transaction: as nobody, and as my tenant.
    async fn seen(&mut self, schema: &str, table: &str) -> (i64, Vec<Uuid>) {
        let role = format!("SET LOCAL ROLE trinity_{schema}; SELECT set_config('app.tenant_id', '', true)");
        execute(&mut self.connection, role).await.expect("the serving role");
        let statement = format!("SELECT count(*) AS rows FROM {schema}.{table}");
        let nobody = sqlx::query(AssertSqlSafe(statement)).fetch_one(&mut self.connection).await;
        let nobody: i64 = nobody.expect("a count").get("rows");
        let mine = format!("SELECT set_config('app.tenant_id', '{}', true)", self.mine);
        execute(&mut self.connection, mine).await.expect("a tenant");
        let statement = format!("SELECT tenant_id FROM {schema}.{table}");
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut self.connection).await.expect("rows");
        execute(&mut self.connection, "RESET ROLE".to_owned()).await.expect("the superuser");
        (nobody, rows.iter().map(|row| row.get("tenant_id")).collect())
    }

    /// What the probes find wrong with a table.
    async fn faults(&mut self, schema: &str, table: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let (nobody, mine) = self.seen(schema, table).await;
        if nobody != 0 {
            faults.push(format!("without a tenant {nobody} rows are seen"));
        }
        if mine != [self.mine] {
            faults.push(format!("my tenant sees rows of {mine:?}"));
        }
        let policies = lists_policies(&mut self.connection, &format!("{schema}.{table}")).await;
        let known = [TENANT, TENANT_OR_SYSTEM].map(|predicate| format!("PALL|{predicate}|\nRALL|{predicate}|"));
        if !known.contains(&policies) {
            faults.push(format!("the policies are {policies}"));
        }
        faults
    }
}

async fn drop_checks(connection: &mut PgConnection, schema: &str, table: &str) {
    let checks: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint
        WHERE contype = 'c' AND conrelid = ($1 || '.' || $2)::regclass AND coninhcount = 0",
    )
    .bind(schema)
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .expect("the checks");
    for check in checks {
        execute(connection, format!("ALTER TABLE {schema}.{table} DROP CONSTRAINT {check}")).await.expect("dropped");
    }
}

/// Inserts a row with some value in each column that must have one.
async fn insert(connection: &mut PgConnection, schema: &str, table: &str, tenant: Uuid) {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT attname::text, format_type(atttypid, NULL)
        FROM pg_attribute
        WHERE attrelid = ($1 || '.' || $2)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
            AND attnotnull AND (NOT atthasdef OR attname = 'tenant_id') AND attidentity = ''",
    )
    .bind(schema)
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .expect("the columns");
    let value = |(name, kind): &(String, String)| match (name.as_str(), kind.as_str()) {
        ("tenant_id", _) => format!("'{tenant}'"),
        (_, "uuid" | "text" | "name") => format!("'{}'", Uuid::now_v7()),
        (_, "boolean") => "false".to_owned(),
        (_, "json" | "jsonb") => "'{}'".to_owned(),
        (_, "bytea") => format!("'\\x{}'", Uuid::now_v7().simple()),
        (_, "date") => "current_date".to_owned(),
        (_, kind) if kind.starts_with("timestamp") => "now()".to_owned(),
        (_, kind) if kind.ends_with("[]") => "'{}'".to_owned(),
        _ => "1".to_owned(),
    };
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<String> = columns.iter().map(value).collect();
    let statement = format!("INSERT INTO {schema}.{table} ({}) VALUES ({})", names.join(", "), values.join(", "));
    execute(connection, statement.clone()).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// The ways to weaken a table's protection.
fn mutations(schema: &str, table: &str, policies: &[String]) -> BTreeMap<String, String> {
    let target = format!("{schema}.{table}");
    let mut mutations = BTreeMap::from([
        (
            "not forced".to_owned(),
            format!("ALTER TABLE {target} OWNER TO trinity_{schema}; ALTER TABLE {target} NO FORCE ROW LEVEL SECURITY"),
        ),
        ("disabled".to_owned(), format!("ALTER TABLE {target} DISABLE ROW LEVEL SECURITY")),
    ]);
    for policy in policies {
        mutations.insert(format!("{policy} dropped"), format!("DROP POLICY {policy} ON {target}"));
        mutations.insert(format!("{policy} opened"), format!("ALTER POLICY {policy} ON {target} USING (true)"));
    }
    mutations
}

#[tokio::test(flavor = "multi_thread")]
async fn no_policy_can_be_weakened_unseen() {
    let mut scratch = Scratch::open().await;
    let mut unseen = Vec::new();
    for (schema, table) in scratch.tables.clone() {
        execute(&mut scratch.connection, "BEGIN".to_owned()).await.expect("a transaction");
        let faults = scratch.faults(&schema, &table).await;
        execute(&mut scratch.connection, "ROLLBACK".to_owned()).await.expect("a transaction");
        assert!(faults.is_empty(), "{schema}.{table} as it is: {faults:?}");

        let policies: Vec<String> = sqlx::query_scalar(
            "SELECT policyname::text FROM pg_policies WHERE schemaname = $1 AND tablename = $2 ORDER BY 1",
        )
        .bind(&schema)
        .bind(&table)
        .fetch_all(&mut scratch.connection)
        .await
        .expect("the policies");
        assert_eq!(policies.len(), 2, "{schema}.{table}");
        for (what, statement) in mutations(&schema, &table, &policies) {
            execute(&mut scratch.connection, format!("BEGIN; {statement}")).await.expect("a mutation");
            if scratch.faults(&schema, &table).await.is_empty() {
                unseen.push(format!("{schema}.{table}: {what}"));
            }
            execute(&mut scratch.connection, "ROLLBACK".to_owned()).await.expect("a transaction");
        }
    }
    assert!(scratch.tables.len() >= 30, "every service's tables are looked at: {:?}", scratch.tables);
    assert!(unseen.is_empty(), "nobody notices: {unseen:#?}");
    scratch.connection.close().await.expect("closed");
}
