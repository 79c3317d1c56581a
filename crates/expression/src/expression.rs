//! An expression, parsed and restricted, ready to be evaluated often.

use cel::common::ast::IdedExpr;
use cel::objects::Value;
use cel::{Context, ExecutionError, ParseErrors};

use crate::environment::ENVIRONMENT;
use crate::{Fault, MAX_BYTES, Variables, cost, restrict, value};

/// What a condition on an edge may ask: the run's context, and what the upstream task left.
pub const CONDITION: &[&str] = &["context", "rows_in", "rows_out", "status", "outputs", "result"];
/// What an expression may ask where no task has run: the run's context.
pub const CONTEXT: &[&str] = &["context"];

/// The stack that parsing has, in bytes.
///
/// Why: the parser takes far more of it for each level of nesting than the stack of a server's thread has room for.
const PARSER_STACK_BYTES: usize = 32 << 20;

/// A parsed expression: costly to make, cheap to evaluate.
#[derive(Debug)]
pub struct Expression {
    root: IdedExpr,
    /// The variables that it asks for.
    names: Vec<String>,
}

impl Expression {
    /// Parses a condition: an expression over all of [`CONDITION`].
    ///
    /// # Errors
    /// What is wrong, with line and column where they are known.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::parse_over(text, CONDITION)
    }

    /// Parses an expression over some variables alone.
    ///
    /// # Errors
    /// What is wrong, with line and column where they are known.
    pub fn parse_over(text: &str, variables: &[&str]) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Err(Fault::new("is empty"));
        }
        if text.len() > MAX_BYTES {
            return Err(Fault::new(format!("is longer than {MAX_BYTES} bytes")));
        }
        // Why a scope: whatever is too deep is also dropped on the larger stack.
        std::thread::scope(|scope| {
            let parser = std::thread::Builder::new().name("expression".to_owned()).stack_size(PARSER_STACK_BYTES);
            let parsed = parser.spawn_scoped(scope, || parse(text, variables));
            let parsed = parsed.map_err(|error| Fault::new(format!("cannot be looked at now: {error}")))?;
            parsed.join().unwrap_or_else(|_| Err(Fault::new("is no expression")))
        })
    }

    /// Whether it is true.
    ///
    /// # Errors
    /// When it cannot be evaluated, such as for a missing key, or is neither true nor false.
    pub fn holds(&self, variables: &Variables) -> Result<bool, Fault> {
        match self.evaluate(variables)? {
            Value::Bool(answer) => Ok(answer),
            other => Err(wrong_kind("true or false", &other)),
        }
    }

    /// The list that it makes.
    ///
    /// # Errors
    /// When it cannot be evaluated, or is no list.
    pub fn list(&self, variables: &Variables) -> Result<Vec<serde_json::Value>, Fault> {
        match self.evaluate(variables)? {
            Value::List(items) => items.iter().map(value::to_json).collect(),
            other => Err(wrong_kind("a list", &other)),
        }
    }

    /// The text that it makes; numbers, true and false as they are written.
    ///
    /// # Errors
    /// When it cannot be evaluated, or is neither text nor number nor true nor false.
    pub fn text(&self, variables: &Variables) -> Result<String, Fault> {
        match self.evaluate(variables)? {
            Value::String(text) => Ok(text.to_string()),
            Value::Int(number) => Ok(number.to_string()),
            Value::UInt(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            Value::Bool(answer) => Ok(answer.to_string()),
            other => Err(wrong_kind("a text or a number", &other)),
        }
    }

    fn evaluate(&self, variables: &Variables) -> Result<Value, Fault> {
        cost::check(&self.root, variables)?;
        let mut context = Context::with_env(ENVIRONMENT.clone());
        for name in &self.names {
            if let Some(json) = variables.get(name) {
                context.add_variable_as_val(name.as_str(), value::from_json(json));
            }
        }
        Value::resolve(&self.root, &context).map_err(|error| Fault::new(explain(&error)))
    }
}

fn parse(text: &str, variables: &[&str]) -> Result<Expression, Fault> {
    let parser = ENVIRONMENT.parser().max_recursion_depth(restrict::MAX_DEPTH);
    let root = parser.parse(text).map_err(|errors| syntax(&errors))?;
    let names = restrict::check(&root, variables)?;
    Ok(Expression { root, names })
}

/// The first thing that the parser says, on one line.
fn syntax(errors: &ParseErrors) -> Fault {
    let Some(first) = errors.errors.first() else { return Fault::new("is no expression") };
    if first.msg.contains("Recursion limit") {
        return restrict::too_deep();
    }
    let message = first.msg.trim_start_matches("Syntax error: ");
    let (line, column) = first.pos;
    if line == 1 {
        Fault::new(format!("column {column}: {message}"))
    } else {
        Fault::new(format!("line {line}, column {column}: {message}"))
    }
}

fn wrong_kind(wanted: &str, value: &Value) -> Fault {
    Fault::new(format!("must be {wanted}, and is a {}", value.type_of()))
}

fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no {key:?}"),
        ExecutionError::UndeclaredReference(name) => format!("{name:?} has no value here"),
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types().join(" and ");
            format!("{} does not work on {types}", readable(overload.function()))
        }
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("a {} cannot be compared to a {}", left.type_of(), right.type_of())
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            format!("{operator} does not work on {} and {}", left.type_of(), right.type_of())
        }
        ExecutionError::UnexpectedType { got, want } => format!("must be {want}, and is {got}"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "makes a number that is too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "asks for an entry beyond the end of a list".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        other => other.to_string(),
    }
}

/// `_>_` as `>`.
fn readable(function: &str) -> String {
    function.trim_start_matches('@').replace('_', "")
}
