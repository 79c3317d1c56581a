//! The operations, one file each, and the table that finds them.

mod aggregate;
mod cast;
mod classes;
mod clean;
mod clean_more;
mod column_classifier;
mod correlation;
mod data_profiler;
mod derive;
mod design;
mod distinct;
mod fill;
mod filter;
mod forecast;
mod http;
mod join;
mod limits;
mod marketing_mix;
mod marketing_tables;
mod missing_value_analyzer;
mod numbers;
mod order;
mod outliers;
mod partition;
mod pivot;
mod postgres;
mod reader;
mod regression;
mod sample;
mod select;
mod sources;
mod sql_query;
mod union;
mod unpivot;
mod utility;
mod validate;
mod window;
mod write;

use futures::future::BoxFuture;
use trinity_storage::Storage;

use crate::{
    Engine, Fault, LogSink, Outcome, Task,
    csv::Inference,
    engine::{Mode, Thrift},
    fault::code,
    job::Job,
};
pub use utility::{inline, is_inline};

type Run = for<'a> fn(&'a Job<'a>) -> BoxFuture<'a, Result<Outcome, Fault>>;

/// An implementation of an atom on the engine.
struct Atom {
    slug: &'static str,
    version: &'static str,
    /// Whether the order of its result does not come from the order of its input.
    parallel: bool,
    run: Run,
}

const ATOMS: &[Atom] = &[
    Atom { slug: "csv-reader", version: "1.0.0", parallel: false, run: |job| Box::pin(reader::csv(job)) },
    Atom { slug: "csv-reader", version: "1.1.0", parallel: false, run: |job| Box::pin(reader::csv(job)) },
    Atom { slug: "excel-reader", version: "1.0.0", parallel: false, run: |job| Box::pin(reader::excel(job)) },
    Atom { slug: "json-reader", version: "1.0.0", parallel: false, run: |job| Box::pin(reader::json(job)) },
    Atom { slug: "arrow-reader", version: "1.0.0", parallel: false, run: |job| Box::pin(reader::arrow(job)) },
    Atom { slug: "postgres-reader", version: "1.0.0", parallel: false, run: |job| Box::pin(postgres::read(job)) },
    Atom { slug: "postgres-writer", version: "1.0.0", parallel: false, run: |job| Box::pin(postgres::write(job)) },
    Atom { slug: "write", version: "1.0.0", parallel: false, run: |job| Box::pin(write::run(job)) },
    Atom { slug: "parquet-reader", version: "1.0.0", parallel: false, run: |job| Box::pin(reader::parquet(job)) },
    Atom {
        slug: "missing-value-analyzer",
        version: "1.0.0",
        parallel: true,
        run: |job| Box::pin(missing_value_analyzer::run(job)),
    },
    Atom { slug: "clean", version: "1.0.0", parallel: false, run: |job| Box::pin(clean::run(job)) },
    Atom { slug: "filter", version: "1.0.0", parallel: false, run: |job| Box::pin(filter::run(job)) },
    Atom { slug: "select", version: "1.0.0", parallel: false, run: |job| Box::pin(select::select(job)) },
    Atom { slug: "rename", version: "1.0.0", parallel: false, run: |job| Box::pin(select::rename(job)) },
    Atom { slug: "cast", version: "1.0.0", parallel: false, run: |job| Box::pin(cast::run(job)) },
    Atom { slug: "derive", version: "1.0.0", parallel: false, run: |job| Box::pin(derive::run(job)) },
    Atom { slug: "sort", version: "1.0.0", parallel: true, run: |job| Box::pin(order::sort(job)) },
    Atom { slug: "sort", version: "1.1.0", parallel: true, run: |job| Box::pin(order::sort(job)) },
    Atom { slug: "distinct", version: "1.0.0", parallel: false, run: |job| Box::pin(distinct::run(job)) },
    Atom { slug: "limit", version: "1.0.0", parallel: false, run: |job| Box::pin(order::limit(job)) },
    Atom { slug: "sample", version: "1.0.0", parallel: false, run: |job| Box::pin(sample::run(job)) },
    Atom { slug: "join", version: "1.0.0", parallel: true, run: |job| Box::pin(join::run(job)) },
    Atom { slug: "join", version: "1.1.0", parallel: true, run: |job| Box::pin(join::run(job)) },
    Atom { slug: "union", version: "1.0.0", parallel: false, run: |job| Box::pin(union::run(job)) },
    Atom { slug: "union", version: "1.1.0", parallel: false, run: |job| Box::pin(union::run(job)) },
    Atom { slug: "aggregate", version: "1.0.0", parallel: true, run: |job| Box::pin(aggregate::run(job)) },
    Atom { slug: "aggregate", version: "1.1.0", parallel: true, run: |job| Box::pin(aggregate::run(job)) },
    Atom { slug: "pivot", version: "1.0.0", parallel: true, run: |job| Box::pin(pivot::run(job)) },
    Atom { slug: "unpivot", version: "1.0.0", parallel: false, run: |job| Box::pin(unpivot::run(job)) },
    Atom { slug: "window", version: "1.0.0", parallel: false, run: |job| Box::pin(window::run(job)) },
    Atom { slug: "partition", version: "1.0.0", parallel: false, run: |job| Box::pin(partition::run(job)) },
    Atom { slug: "sql", version: "1.0.0", parallel: true, run: |job| Box::pin(sql_query::run(job)) },
    Atom { slug: "http", version: "1.0.0", parallel: false, run: |job| Box::pin(http::run(job)) },
    Atom { slug: "sql", version: "1.1.0", parallel: true, run: |job| Box::pin(sql_query::run(job)) },
    Atom { slug: "data-profiler", version: "1.0.0", parallel: true, run: |job| Box::pin(data_profiler::run(job)) },
    Atom {
        slug: "column-classifier",
        version: "1.0.0",
        parallel: true,
        run: |job| Box::pin(column_classifier::run(job)),
    },
    Atom { slug: "clean", version: "1.1.0", parallel: false, run: |job| Box::pin(clean_more::run(job)) },
    Atom { slug: "data-profiler", version: "1.1.0", parallel: true, run: |job| Box::pin(data_profiler::run(job)) },
    Atom {
        slug: "column-classifier",
        version: "1.1.0",
        parallel: true,
        run: |job| Box::pin(column_classifier::run(job)),
    },
    Atom { slug: "validate", version: "1.0.0", parallel: false, run: |job| Box::pin(validate::run(job)) },
    Atom { slug: "correlation", version: "1.0.0", parallel: false, run: |job| Box::pin(correlation::run(job)) },
    Atom { slug: "outliers", version: "1.0.0", parallel: false, run: |job| Box::pin(outliers::run(job)) },
    Atom { slug: "linear-regression", version: "1.0.0", parallel: false, run: |job| Box::pin(regression::linear(job)) },
    Atom { slug: "ridge-regression", version: "1.0.0", parallel: false, run: |job| Box::pin(regression::ridged(job)) },
    Atom { slug: "marketing-mix", version: "1.0.0", parallel: false, run: |job| Box::pin(marketing_mix::run(job)) },
    Atom { slug: "forecast", version: "1.0.0", parallel: false, run: |job| Box::pin(forecast::run(job)) },
];

/// Executes one attempt of a task on the engine and writes its outputs.
///
/// Dropping the future stops it at its next step; nothing half-written is left under the outputs' keys.
///
/// # Errors
/// `ATOM_UNKNOWN`, `CONFIG_INVALID` with the place of each fault, and what the atom itself meets.
pub async fn execute(engine: &Engine, storage: &Storage, task: &Task, log: LogSink) -> Result<Outcome, Fault> {
    let atom = ATOMS.iter().find(|atom| atom.slug == task.atom && atom.version == task.version);
    let atom = atom.ok_or_else(|| unknown(task))?;
    check(task)?;
    let mut mode = Mode { parallel: atom.parallel, thrift: Thrift::None };
    let mut inference = Inference::Sampled;
    loop {
        let mut job = Job::new(engine, mode, storage, task, log.clone())?;
        job.inference = inference;
        match (atom.run)(&job).await {
            Err(fault) if fault.code == code::DATA_INVALID && job.guessed_types() => {
                job.say(
                    "info",
                    "a value does not fit the type that the first rows suggest: reading again with every value in view",
                );
                inference = Inference::Exact;
            }
            Err(fault) if fault.code == code::OUT_OF_MEMORY && mode.thrift.more().is_some() => {
                job.say("warn", "out of memory: trying again, slower, with the disk's help");
                mode.thrift = mode.thrift.more().unwrap_or(mode.thrift);
            }
            // Why: what a database says may quote what it was given.
            finished => return finished.map_err(|fault| fault.without(task.secrets.values())),
        }
    }
}

/// The slug as the catalogue has it, if there is an atom of that name.
pub fn known_slug(slug: &str) -> Option<&'static str> {
    trinity_catalog::find_latest(slug).map(|spec| spec.slug.as_str())
}

fn unknown(task: &Task) -> Fault {
    Fault::lasting(code::ATOM_UNKNOWN, format!("this worker has no atom {} in version {}", task.atom, task.version))
}

/// Checks the config against the catalogue once more: a worker trusts nobody's word for it.
fn check(task: &Task) -> Result<(), Fault> {
    let spec = trinity_catalog::find(&task.atom, &task.version).ok_or_else(|| unknown(task))?;
    let schema = trinity_catalog::ConfigSchema::parse(&spec.config_schema)
        .map_err(|error| Fault::lasting(code::INTERNAL, error.to_string()))?;
    let faults = schema.faults(&task.config);
    if faults.is_empty() {
        return check_inputs(task, spec);
    }
    let words: Vec<String> = faults.iter().map(|fault| format!("{} {}", fault.path, fault.message)).collect();
    Err(Fault::config(words.join("; ")))
}

fn check_inputs(task: &Task, spec: &trinity_catalog::AtomSpec) -> Result<(), Fault> {
    let (given, min, max) = (task.inputs.len(), spec.min_inputs as usize, spec.max_inputs as usize);
    if (min..=max).contains(&given) {
        return Ok(());
    }
    let wanted = if min == max { min.to_string() } else { format!("{min} to {max}") };
    Err(Fault::config(format!("{} takes {wanted} inputs and got {given}", spec.slug)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_catalogue_and_the_implementations_are_one_to_one() {
        let here = trinity_catalog::all().iter().filter(|spec| !spec.engine && !spec.remote);
        let known: BTreeSet<_> = here.map(|spec| (spec.slug.as_str(), spec.version.as_str())).collect();
        let on_engine = ATOMS.iter().map(|atom| (atom.slug, atom.version));
        let built: Vec<_> = on_engine.chain(utility::ATOMS.iter().copied()).collect();
        assert_eq!(built.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(built.len(), known.len(), "an atom is there twice");
    }
}
