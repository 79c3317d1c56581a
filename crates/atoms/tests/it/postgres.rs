//! Tables out of a real Postgres and into it, and what is said when that fails.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use trinity_atoms::{Fault, InputTable, Outcome, fault::code};
use trinity_devstack::Throwaway;
use trinity_egress::Egress;

use crate::support::{Bench, as_input, types};

/// The URL of a Postgres for tests: the one that the environment names, else a private one of this process.
fn server() -> &'static str {
    static SERVER: OnceLock<(String, Option<Throwaway>)> = OnceLock::new();
    let start = || match std::env::var("TRINITY_TEST_POSTGRES") {
        Ok(url) => (url, None),
        Err(_) => {
            let own = Throwaway::postgres().expect("a private Postgres for the tests");
            (own.url().to_owned(), Some(own))
        }
    };
    &SERVER.get_or_init(start).0
}

/// A schema of its own in that Postgres.
struct Shop {
    bench: Bench,
    schema: String,
}

impl Shop {
    async fn open() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let schema = format!("shop_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut bench = Bench::new();
        bench.engine = bench.engine.clone().with_egress(Egress::new(&["127.0.0.1"]).unwrap());
        let this = Self { bench, schema };
        this.sql(&format!("CREATE SCHEMA {}", this.schema)).await;
        this
    }

    async fn sql(&self, statement: &str) {
        let mut connection = PgConnection::connect(server()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement.replace("SHOP", &self.schema))).execute(&mut connection).await.unwrap();
    }

    async fn run(&self, atom: &str, mut config: Value, inputs: &[InputTable]) -> Result<Outcome, Fault> {
        config["connection"] = json!("WAREHOUSE");
        let mut task = self.bench.task(atom, config);
        task.inputs = inputs.to_vec();
        task.secrets.insert("WAREHOUSE".into(), server().to_owned());
        self.bench.run(&task).await
    }

    async fn read(&self, query: &str) -> Result<Outcome, Fault> {
        self.run("postgres-reader", json!({"query": query.replace("SHOP", &self.schema)}), &[]).await
    }

    async fn write(&self, input: &InputTable, mut config: Value) -> Result<Outcome, Fault> {
        config["schema"] = json!(self.schema);
        config["table"] = json!("Goods \"new\"");
        self.run("postgres-writer", config, std::slice::from_ref(input)).await
    }

    /// The rows of the written table.
    async fn goods(&self) -> Vec<String> {
        let outcome = self.read("SELECT * FROM SHOP.\"Goods \"\"new\"\"\" ORDER BY 1").await.unwrap();
        self.bench.lines(&outcome.outputs[0])
    }
}

#[tokio::test]
async fn types_of_postgres_become_types_of_tables() {
    let shop = Shop::open().await;
    let query = "SELECT * FROM (VALUES
        (true, 7::smallint, 9007199254740993, 1.5::real, 0.1::float8, 12.30::numeric(8,2), date '2012-01-31',
         timestamp '2012-01-31 10:00:00.25', timestamptz '2012-01-31 10:00:00+02', 'a' || chr(9) || chr(92) || 'N' || chr(10), '{\"a\": 1}'::jsonb,
         ARRAY[1,2], 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '\\xff'::bytea, interval '1 day 2 hours', ''::text),
        (NULL, NULL, NULL, 'NaN', '-Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    ) AS t (ok, small, big, r, f, price, day, at, zoned, note, doc, list, id, bytes, span, empty) -- done";
    let outcome = shop.read(query).await.unwrap();
    assert_eq!(
        types(&outcome.outputs[0]),
        [
            "ok: boolean",
            "small: int64",
            "big: int64",
            "r: float64",
            "f: float64",
            "price: float64",
            "day: date",
            "at: timestamp",
            "zoned: timestamp",
            "note: string",
            "doc: string",
            "list: string",
            "id: string",
            "bytes: string",
            "span: string",
            "empty: string"
        ]
    );
    let rows = shop.bench.lines(&outcome.outputs[0]);
    assert_eq!(
        rows[0],
        "true|7|9007199254740993|1.5|0.1|12.3|2012-01-31|2012-01-31T10:00:00.250|2012-01-31T08:00:00|a\t\\N\n|{\"a\": 1}|{1,2}|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|\\xff|P1DT2H|"
    );
    assert_eq!(rows[1], "∅|∅|∅|NaN|-inf|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅");
    let exact = json!({"query": "SELECT 12.30::numeric(8,2) AS price", "numeric": "string"});
    let outcome = shop.run("postgres-reader", exact, &[]).await.unwrap();
    assert_eq!(shop.bench.lines(&outcome.outputs[0]), ["12.30"]);
    let nothing = shop.read("SELECT 1 AS n WHERE false").await.unwrap();
    assert_eq!((nothing.rows_out, types(&nothing.outputs[0])), (0, vec!["n: int64".to_owned()]));
}

#[tokio::test]
async fn a_long_result_is_streamed() {
    let shop = Shop::open().await;
    let outcome = shop.read("SELECT n, repeat('x', 100) AS t FROM generate_series(1, 100000) AS n").await.unwrap();
    assert_eq!((outcome.rows_in, outcome.rows_out), (100_000, 100_000));
    let query = json!({"query": "SELECT sum(n) AS s, min(length(t)) AS l FROM input"});
    let summed = shop.bench.apply("sql", query, &[as_input(&outcome.outputs[0])]).await.unwrap();
    assert_eq!(shop.bench.lines(&summed.outputs[0]), ["5000050000|100"]);
}

#[tokio::test]
async fn a_reader_reads_and_does_nothing_else() {
    let shop = Shop::open().await;
    shop.sql("CREATE TABLE SHOP.t (n int); INSERT INTO SHOP.t VALUES (1)").await;
    for query in [
        "DELETE FROM SHOP.t RETURNING n",
        "WITH gone AS (DELETE FROM SHOP.t RETURNING n) SELECT * FROM gone",
        "SELECT 1) TO STDOUT; COMMIT; DELETE FROM SHOP.t; --",
        "SELECT 1; DELETE FROM SHOP.t",
        "SELECT 1 /*",
        "CREATE TABLE SHOP.u (n int)",
        "SELECT nothing FROM SHOP.t",
        "SHOW server_version",
        "",
    ] {
        let fault = shop.read(query).await.err().filter(|fault| !fault.retryable);
        assert!(
            fault.is_some_and(|fault| [code::QUERY_INVALID, code::CONFIG_INVALID].contains(&&*fault.code)),
            "{query}"
        );
    }
    let left = shop.read("SELECT n FROM SHOP.t").await.unwrap();
    assert_eq!(left.rows_out, 1);
    let fault = shop.read("SELECT 1 / (n - 1) FROM SHOP.t").await.unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        (code::DATA_INVALID, "the database says: division by zero")
    );
    let fault = shop.read("SELECT n, date 'infinity' AS d FROM SHOP.t").await.unwrap_err();
    assert_eq!(fault.message, "row 1: column d: 'infinity' is not a date");
}

#[tokio::test]
async fn rows_are_appended_replaced_and_merged() {
    let shop = Shop::open().await;
    let one = shop.bench.table("id,name,at\n1,\"a\tb\\c\",2012-01-31 10:00:00\n2,,\n").await;
    let two = shop.bench.table("id,name,at\n2,new,2012-02-01 00:00:00\n3,\"x\ny\",\n").await;
    let outcome = shop.write(&one, json!({"mode": "create"})).await.unwrap();
    assert_eq!((outcome.rows_in, outcome.rows_out, &outcome.result["rows"]), (2, 2, &json!(2)));
    assert_eq!(shop.goods().await, ["1|a\tb\\c|2012-01-31T10:00:00", "2|∅|∅"]);
    let fault = shop.write(&one, json!({"mode": "create"})).await.unwrap_err();
    assert!(fault.message.ends_with("is there already"), "{fault}");
    shop.write(&two, json!({})).await.unwrap();
    assert_eq!(shop.goods().await.len(), 4);
    shop.write(&two, json!({"mode": "replace"})).await.unwrap();
    assert_eq!(shop.goods().await, ["2|new|2012-02-01T00:00:00", "3|x\ny|∅"]);
    let fault = shop.write(&one, json!({"mode": "upsert", "key": ["id"]})).await.unwrap_err();
    assert!(fault.message.contains("no unique"), "{fault}");
    shop.sql("DROP TABLE SHOP.\"Goods \"\"new\"\"\"").await;
    for _ in 0..2 {
        shop.write(&one, json!({"mode": "upsert", "key": ["id"]})).await.unwrap();
    }
    shop.write(&two, json!({"mode": "upsert", "key": ["id"]})).await.unwrap();
    assert_eq!(shop.goods().await, ["1|a\tb\\c|2012-01-31T10:00:00", "2|new|2012-02-01T00:00:00", "3|x\ny|∅"]);
}

#[tokio::test]
async fn nothing_half_written_is_left() {
    let shop = Shop::open().await;
    shop.sql("CREATE TABLE SHOP.\"Goods \"\"new\"\"\" (id int CHECK (id < 20000))").await;
    shop.sql("INSERT INTO SHOP.\"Goods \"\"new\"\"\" VALUES (-1)").await;
    let many: String = "id\n".to_owned() + &(0..20_001).map(|id| format!("{id}\n")).collect::<String>();
    let many = shop.bench.table(&many).await;
    for mode in ["append", "replace"] {
        let fault = shop.write(&many, json!({"mode": mode})).await.unwrap_err();
        assert_eq!(fault.code, code::DATA_INVALID, "{fault}");
        assert!(fault.message.contains("line 20001"), "{fault}");
        assert_eq!(shop.goods().await, ["-1"], "{mode}");
    }
    let other = shop.bench.table("colour\nred\n").await;
    let fault = shop.write(&other, json!({})).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::QUERY_INVALID, false), "{fault}");
}

#[tokio::test]
async fn connections_that_fail_say_why_and_never_with_what() {
    let shop = Shop::open().await;
    let with = async |secret: Option<&str>| {
        let mut task = shop.bench.task("postgres-reader", json!({"connection": "WAREHOUSE", "query": "SELECT 1"}));
        task.secrets.extend(secret.map(|secret| ("WAREHOUSE".to_owned(), secret.to_owned())));
        shop.bench.run(&task).await.unwrap_err()
    };
    let fault = with(None).await;
    assert_eq!((fault.code.as_str(), fault.retryable), (code::SECRET_MISSING, false));
    assert!(fault.message.contains("WAREHOUSE"), "{fault}");
    let refused = with(Some("postgres://me:hunter2@127.0.0.1:1/shop")).await;
    assert_eq!((refused.code.as_str(), refused.retryable), (code::CONNECTION_FAILED, true));
    assert_eq!(refused.message, "the database cannot be reached: connection refused");
    let nowhere = server().rsplit_once('/').unwrap().0.to_owned() + "/no_such_database";
    let fault = with(Some(&nowhere)).await;
    assert_eq!((fault.code.as_str(), fault.retryable), (code::CONNECTION_FAILED, false), "{fault}");
    for odd in ["hunter2", "postgres://me:hunter2@/shop", "postgres://me:hunter2@db/shop?host=/tmp"] {
        let fault = with(Some(odd)).await;
        assert_eq!(fault.code, code::CONFIG_INVALID);
        assert!(!fault.message.contains("hunter2"), "{fault}");
    }
    let mut strict = Bench::new();
    strict.engine = strict.engine.clone().with_egress(Egress::new(&[] as &[&str]).unwrap());
    let mut task = strict.task("postgres-reader", json!({"connection": "WAREHOUSE", "query": "SELECT 1"}));
    task.secrets.insert("WAREHOUSE".into(), server().to_owned());
    let fault = strict.run(&task).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::CONNECTION_FAILED, false), "{fault}");
    let tls = server().to_owned() + "?sslmode=require";
    let refused = with(Some(&tls)).await;
    assert_eq!(refused.code, code::CONNECTION_FAILED);
    assert!(
        refused.message.contains("server does not support TLS"),
        "asked for, and not built without: {}",
        refused.message
    );
}
