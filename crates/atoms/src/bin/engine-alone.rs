//! The columnar engine by itself: profiles a CSV by its own SQL and prints the seconds. `make bench` measures the worker
//! against it.

use std::time::Instant;

use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};

#[tokio::main]
async fn main() -> Result<(), datafusion::error::DataFusionError> {
    let path = std::env::args().nth(1).expect("usage: engine-alone FILE.csv");
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let begun = Instant::now();
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
    context.register_csv("data", &path, CsvReadOptions::new()).await?;
    let schema = context.table("data").await?.schema().as_arrow().clone();
    let figures: Vec<String> = schema.fields().iter().map(|field| figures(field.name(), field.data_type())).collect();
    context.sql(&format!("SELECT count(*), {} FROM data", figures.join(", "))).await?.collect().await?;
    println!("{:.3}", begun.elapsed().as_secs_f64());
    Ok(())
}

/// What a profile tells of a column, as far as the engine has functions for it.
fn figures(name: &str, kind: &DataType) -> String {
    let column = format!("\"{name}\"");
    let mut figures = vec![format!("count({column})"), format!("min({column})"), format!("max({column})")];
    if kind.is_numeric() {
        figures.extend([format!("avg({column})"), format!("stddev({column})")]);
        let quantiles = [0.05, 0.25, 0.5, 0.75, 0.95];
        figures
            .extend(quantiles.map(|share| format!("approx_percentile_cont({share}) WITHIN GROUP (ORDER BY {column})")));
    }
    if !kind.is_floating() {
        figures.push(format!("approx_distinct({column})"));
    }
    figures.join(", ")
}
