//! Describes a CSV file while it passes: columns with their types from the first rows, and the number of all rows.

use std::collections::HashSet;

use super::kinds::Candidate;
use super::split::{Field, Halt, Splitter};
use crate::domain::dataset::{Column, Description};

/// How many rows types are found out from.
const SAMPLE_ROWS: u64 = 10_000;
/// More columns than any table made by people.
const MAX_COLUMNS: usize = 20_000;
const DELIMITERS: [u8; 3] = *b";\t|";

/// What stands between the fields of a file that begins like this: a comma, unless the first line has none of them but
/// another usual delimiter.
pub(crate) fn delimiter_of(extension: Option<&str>, head: &[u8]) -> u8 {
    if extension == Some("tsv") {
        return b'\t';
    }
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let count = |delimiter: u8| memchr::memchr_iter(delimiter, line).count();
    match DELIMITERS.into_iter().max_by_key(|delimiter| count(*delimiter)) {
        Some(other) if count(b',') == 0 && count(other) > 0 => other,
        _ => b',',
    }
}

/// Looks at the bytes of a file from its first to its last.
pub(crate) struct Describer {
    splitter: Splitter,
    facts: Facts,
    delimiter: u8,
    problem: Option<String>,
}

impl Describer {
    pub fn new(delimiter: u8) -> Self {
        Self { splitter: Splitter::new(delimiter), facts: Facts::default(), delimiter, problem: None }
    }

    /// Takes the next bytes; after the first problem they are only let pass.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.problem.is_none() {
            let fed = self.splitter.feed(bytes, &mut |field| self.facts.see(field));
            self.note(fed);
        }
    }

    /// What the file is, at its end.
    pub fn finish(mut self) -> Description {
        if self.problem.is_none() {
            let fed = self.splitter.finish(&mut |field| self.facts.see(field));
            self.note(fed);
        }
        if self.problem.is_none() && self.facts.columns.is_empty() {
            self.problem = Some("the file is empty".to_owned());
        }
        Description {
            rows: self.problem.is_none().then_some(self.facts.rows),
            columns: self.facts.into_columns(),
            problem: self.problem,
            delimiter: Some(self.delimiter),
        }
    }

    fn note(&mut self, fed: Result<(), Halt>) {
        if let Err(Halt::Problem(problem)) = fed {
            self.problem = Some(problem);
        }
    }
}

/// What is known of the file so far.
#[derive(Default)]
struct Facts {
    header: Vec<String>,
    columns: Vec<ColumnFacts>,
    rows: u64,
    /// The column of the next field.
    at: usize,
}

struct ColumnFacts {
    name: String,
    candidate: Candidate,
    has_missing: bool,
}

impl Facts {
    fn see(&mut self, field: Field<'_>) -> Result<(), Halt> {
        if self.columns.is_empty() { self.see_name(field) } else { self.see_value(field) }
    }

    fn see_name(&mut self, field: Field<'_>) -> Result<(), Halt> {
        if field.is_cut {
            return Err(problem(field.line, "the name of a column is too long"));
        }
        if self.header.len() == MAX_COLUMNS {
            return Err(problem(field.line, &format!("more than the {MAX_COLUMNS} fields that a table may have")));
        }
        self.header.push(field.text.to_owned());
        if field.ends_record {
            let fact = |name| ColumnFacts { name, candidate: Candidate::new(), has_missing: false };
            self.columns = unique(&std::mem::take(&mut self.header)).into_iter().map(fact).collect();
        }
        Ok(())
    }

    fn see_value(&mut self, field: Field<'_>) -> Result<(), Halt> {
        if let Some(column) = self.columns.get_mut(self.at) {
            column.has_missing |= field.text.is_empty();
            if self.rows < SAMPLE_ROWS {
                // A value longer than what is kept of it is text whatever it is.
                column.candidate.see(if field.is_cut { "text" } else { field.text });
            }
        }
        self.at += 1;
        if !field.ends_record {
            return Ok(());
        }
        let found = std::mem::take(&mut self.at);
        let expected = self.columns.len();
        if found != expected {
            let fields = if found == 1 { "1 field".to_owned() } else { format!("{found} fields") };
            return Err(problem(field.line, &format!("{fields} where the header has {expected}")));
        }
        self.rows += 1;
        Ok(())
    }

    fn into_columns(self) -> Vec<Column> {
        let column = |fact: ColumnFacts| Column {
            name: fact.name,
            kind: fact.candidate.kind().word().to_owned(),
            nullable: fact.has_missing || self.rows == 0,
        };
        self.columns.into_iter().map(column).collect()
    }
}

fn problem(line: u64, problem: &str) -> Halt {
    Halt::Problem(format!("line {line}: {problem}"))
}

/// The header's names, trimmed, numbered where empty and each made unique, as the engine names them.
pub(super) fn unique(header: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(header.len());
    for (at, given) in header.iter().enumerate() {
        let given = given.trim();
        let wanted = if given.is_empty() { format!("column_{}", at + 1) } else { given.to_owned() };
        let mut name = wanted.clone();
        let mut copy = 2;
        while !taken.insert(name.clone()) {
            name = format!("{wanted}_{copy}");
            copy += 1;
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
