//! How much work an evaluation is at the most, from the sizes of the data at hand.
//!
//! Why before and not while: the interpreter cannot be stopped. With loops one deep, an expression's work is bounded by what
//! its parts look at, times the length of what it goes over; both are known from the variables.

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use serde_json::Value as Json;

use crate::{Fault, Variables};

/// How much work an evaluation may be: roughly bytes looked at or copied. Takes under a second where nothing is optimised.
const MAX_WORK: u64 = 16_000_000;
/// What each part costs beside its data.
const PART: u64 = 40;
/// What compiling a pattern costs, and what it costs a byte of the text that it is held against.
const PATTERN: u64 = 10_000;
const PATTERN_PER_BYTE: u64 = 64;

/// Refuses an evaluation that is too much work.
pub fn check(expression: &IdedExpr, variables: &Variables) -> Result<(), Fault> {
    let work = Scope { variables, item: None }.cost(expression).work;
    if work > MAX_WORK { Err(Fault::new("goes over too much data")) } else { Ok(()) }
}

/// Upper bounds for a part.
#[derive(Clone, Copy)]
struct Cost {
    /// Of evaluating it.
    work: u64,
    /// Of its value.
    size: u64,
    /// How many entries its value has, and how large the largest is.
    entries: u64,
    largest: u64,
}

impl Cost {
    fn plain(work: u64, size: u64) -> Self {
        Self { work, size, entries: size, largest: size }
    }
}

struct Scope<'a> {
    variables: &'a Variables,
    /// The loop's variable and the size of the largest entry.
    item: Option<(&'a str, u64)>,
}

impl<'a> Scope<'a> {
    fn cost(&self, node: &'a IdedExpr) -> Cost {
        match &node.expr {
            Expr::Literal(LiteralValue::String(text)) => Cost::plain(PART, PART + length(text.inner().len())),
            Expr::Literal(_) | Expr::Unspecified | Expr::Struct(_) => Cost::plain(PART, PART),
            Expr::Ident(name) => self.item(name).unwrap_or_else(|| self.data(node)),
            Expr::Select(select) => match self.found(node) {
                Some(value) => of_value(value),
                None => self.cost(&select.operand),
            },
            Expr::List(list) => self.sum(&list.elements),
            Expr::Map(map) => {
                let parts = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                    EntryExpr::StructField(_) => None,
                });
                self.sum(parts.flatten())
            }
            Expr::Call(call) => {
                self.call(&call.func_name, self.sum(call.target.as_deref().into_iter().chain(&call.args)))
            }
            Expr::Comprehension(inner) => self.comprehension(inner),
        }
    }

    /// A call looks at all that it is given.
    fn call(&self, function: &str, given: Cost) -> Cost {
        let work = given.work.saturating_add(given.size);
        match function {
            operators::ADD | operators::CONDITIONAL | operators::INDEX => Cost { work, ..given },
            "matches" => Cost::plain(work.saturating_add(PATTERN + given.size.saturating_mul(PATTERN_PER_BYTE)), PART),
            "string" => Cost::plain(work, given.size.saturating_add(PART)),
            _ => Cost::plain(work, PART),
        }
    }

    fn comprehension(&self, inner: &'a ComprehensionExpr) -> Cost {
        let range = self.cost(&inner.iter_range);
        let body = Scope { variables: self.variables, item: Some((&inner.iter_var, range.largest)) };
        let step = body.cost(&inner.loop_step);
        let each = step.work.saturating_add(step.size).saturating_add(range.largest);
        let size = range.entries.saturating_mul(step.size);
        let work = range.work.saturating_add(range.entries.saturating_mul(each));
        Cost { work, size, entries: range.entries, largest: step.size }
    }

    fn sum(&self, parts: impl IntoIterator<Item = &'a IdedExpr>) -> Cost {
        let start = Cost { work: PART, size: PART, entries: 0, largest: 0 };
        parts.into_iter().map(|part| self.cost(part)).fold(start, |sum, part| Cost {
            work: sum.work.saturating_add(part.work),
            size: sum.size.saturating_add(part.size),
            entries: sum.entries.saturating_add(part.entries.max(1)),
            largest: sum.largest.max(part.size).max(part.largest),
        })
    }

    fn item(&self, name: &str) -> Option<Cost> {
        self.item.filter(|(item, _)| *item == name).map(|(_, largest)| Cost::plain(PART, largest))
    }

    fn data(&self, node: &IdedExpr) -> Cost {
        self.found(node).map_or(Cost::plain(PART, PART), of_value)
    }

    /// The value of `context.a.b`.
    fn found(&self, node: &IdedExpr) -> Option<&'a Json> {
        match &node.expr {
            Expr::Ident(name) if self.item(name).is_none() => self.variables.get(name),
            Expr::Select(select) if !select.test => self.found(&select.operand)?.get(&select.field),
            _ => None,
        }
    }
}

fn of_value(value: &Json) -> Cost {
    let (entries, largest) = match value {
        Json::Array(items) => (items.len(), items.iter().map(size).max().unwrap_or(0)),
        Json::Object(fields) => (fields.len(), fields.keys().map(|key| PART + length(key.len())).max().unwrap_or(0)),
        _ => (1, size(value)),
    };
    // Why not the whole as work: data is borrowed until something looks at it.
    Cost { work: PART, size: size(value), entries: length(entries), largest }
}

fn size(value: &Json) -> u64 {
    PART + match value {
        Json::String(text) => length(text.len()),
        Json::Array(items) => items.iter().map(size).sum(),
        Json::Object(fields) => fields.iter().map(|(key, value)| PART + length(key.len()) + size(value)).sum(),
        _ => 0,
    }
}

fn length(length: usize) -> u64 {
    length as u64
}
