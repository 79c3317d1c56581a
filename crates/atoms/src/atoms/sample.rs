//! `sample`: a random part of the rows, the same for the same seed, in their order.

use datafusion::arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
};
use serde::Deserialize;
use serde_json::json;

use crate::{Fault, Outcome, job::Job, output, profile::scramble};

#[derive(Deserialize)]
struct Config {
    fraction: Option<f64>,
    rows: Option<u64>,
    #[serde(default)]
    seed: u64,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    let mut sampler = Sampler::new(&config, job.rows_in());
    let keep = move |batch: RecordBatch| -> Result<Vec<RecordBatch>, Fault> {
        let mask: BooleanArray = (0..batch.num_rows()).map(|_| Some(sampler.keep_next())).collect();
        Ok(vec![filter_record_batch(&batch, &mask)?])
    };
    let output = output::mapped(job, "data", frame, Box::new(keep)).await?;
    Ok(job.done(output, json!({ "seed": config.seed })))
}

/// Decides row by row, knowing how many come.
enum Sampler {
    Fraction { seed: u64, row: u64, fraction: f64 },
    // Source: Knuth, The Art of Computer Programming, volume 2, algorithm S.
    Rows { seed: u64, left: u64, wanted: u64 },
}

impl Sampler {
    fn new(config: &Config, total: u64) -> Self {
        let seed = scramble(config.seed);
        match (config.fraction, config.rows) {
            (Some(fraction), _) => Self::Fraction { seed, row: 0, fraction },
            (None, wanted) => Self::Rows { seed, left: total, wanted: wanted.unwrap_or(total).min(total) },
        }
    }

    fn keep_next(&mut self) -> bool {
        match self {
            Self::Fraction { seed, row, fraction } => {
                *row += 1;
                part_of_one(*seed ^ scramble(*row)) < *fraction
            }
            Self::Rows { seed, left, wanted } => {
                let keep = part_of_one(*seed ^ scramble(*left)) * (*left as f64) < *wanted as f64;
                *left = left.saturating_sub(1);
                *wanted -= u64::from(keep && *wanted > 0);
                keep
            }
        }
    }
}

/// A number from 0 up to but not including 1, from 53 random bits.
fn part_of_one(seed: u64) -> f64 {
    (scramble(seed) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(config: &Config, total: u64) -> Vec<u64> {
        let mut sampler = Sampler::new(config, total);
        (0..total).filter(|_| sampler.keep_next()).collect()
    }

    #[test]
    fn a_number_of_rows_is_met_exactly() {
        for (wanted, total) in [(0, 10), (1, 1), (10, 1_000), (999, 1_000), (1_000, 1_000), (2_000, 1_000)] {
            let config = Config { fraction: None, rows: Some(wanted), seed: 3 };
            assert_eq!(kept(&config, total).len() as u64, wanted.min(total));
        }
    }

    #[test]
    fn a_seed_decides_which_rows() {
        let with_seed = |seed| kept(&Config { fraction: Some(0.25), rows: None, seed }, 10_000);
        assert_eq!(with_seed(1), with_seed(1));
        assert_ne!(with_seed(1), with_seed(2));
        assert!(with_seed(1).len().abs_diff(2_500) < 200, "{}", with_seed(1).len());
    }
}
