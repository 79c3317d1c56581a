//! `postgres-reader` and `postgres-writer`: tables out of other people's databases, and into them.

use serde::Deserialize;
use serde_json::json;

use crate::{
    Fault, Outcome,
    job::Job,
    output,
    postgres::{
        connect, read as reading,
        write::{self as writing, Mode, Target},
    },
    types::{self, Kind},
};

#[derive(Deserialize)]
struct ReadConfig {
    connection: String,
    query: String,
    #[serde(default = "float64")]
    numeric: Kind,
}

fn float64() -> Kind {
    Kind::Float64
}

pub(super) async fn read(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: ReadConfig = job.config()?;
    let mut connection = connect(job, job.secret(&config.connection)?).await?;
    let query = reading::prepare(&mut connection, &config.query, config.numeric).await?;
    let columns = types::columns(&query.schema());
    let mut table = output::Table::start(job, "data", query.schema()).await?;
    reading::rows(&mut connection, &query, &mut table).await?;
    let output = table.finish(job, Vec::new()).await?;
    job.say("info", format!("read {} rows of {} columns", output.rows, columns.len()));
    let outcome = job.done(output, json!({ "columns": columns }));
    Ok(Outcome { rows_in: outcome.rows_out, ..outcome })
}

#[derive(Deserialize)]
struct WriteConfig {
    connection: String,
    table: String,
    schema: Option<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    key: Vec<String>,
}

pub(super) async fn write(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: WriteConfig = job.config()?;
    let url = job.secret(&config.connection)?;
    let frame = job.input(0).await?;
    for name in &config.key {
        types::require(frame.schema().as_arrow(), name, "key")?;
    }
    let target = Target { schema: config.schema, table: config.table, mode: config.mode, key: config.key };
    let rows = output::rows(job, frame).await?;
    let mut connection = connect(job, url).await?;
    let count = writing::rows(&mut connection, &target, rows).await?;
    job.say("info", format!("{count} rows written to {}", target.table));
    let result = json!({ "table": target.table, "rows": count });
    Ok(Outcome { rows_in: job.rows_in(), rows_out: job.rows_in(), outputs: Vec::new(), result })
}
