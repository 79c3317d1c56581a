//! What may stand in an expression: known variables and functions, one loop deep, within bounds.

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, operators};

use crate::Fault;

/// How deep an expression may be. Why: parser and interpreter take a frame of the thread's stack for each level.
pub const MAX_DEPTH: u16 = 24;
/// How many parts an expression may have.
const MAX_PARTS: usize = 600;

/// Functions that may be called beside operators and the loops `all`, `exists`, `exists_one`, `map` and `filter`.
const FUNCTIONS: &[&str] = &["size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string"];
const OPERATORS: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::NOT_STRICTLY_FALSE,
    operators::IN,
];

/// Checks what the parser made, and names the variables that it asks for.
pub fn check(root: &IdedExpr, variables: &[&str]) -> Result<Vec<String>, Fault> {
    let mut walk = Walk { variables, bound: None, names: Vec::new(), parts: 0 };
    walk.visit(root, 0)?;
    Ok(walk.names)
}

struct Walk<'a> {
    variables: &'a [&'a str],
    /// The loop that it is in.
    bound: Option<&'a ComprehensionExpr>,
    names: Vec<String>,
    parts: usize,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, node: &'a IdedExpr, depth: u16) -> Result<(), Fault> {
        self.parts += 1;
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if self.parts > MAX_PARTS {
            return Err(Fault::new(format!("has more than {MAX_PARTS} parts")));
        }
        let depth = depth + 1;
        match &node.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.visit(&select.operand, depth),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.visit(element, depth)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, depth)?;
                    self.visit(&entry.value, depth)
                }
                EntryExpr::StructField(_) => Err(Fault::new("makes an object of a type, which is not possible here")),
            }),
            Expr::Call(call) => {
                self.function(&call.func_name)?;
                call.target.as_deref().into_iter().chain(&call.args).try_for_each(|part| self.visit(part, depth))
            }
            Expr::Comprehension(inner) => self.comprehension(inner, depth),
            Expr::Struct(_) | Expr::Unspecified => {
                Err(Fault::new("makes an object of a type, which is not possible here"))
            }
        }
    }

    fn comprehension(&mut self, inner: &'a ComprehensionExpr, depth: u16) -> Result<(), Fault> {
        if self.bound.is_some() {
            return Err(Fault::new("has a loop (all, exists, exists_one, map or filter) inside of another"));
        }
        // Why the range counts as inside: `a.map(…).filter(…)` goes through data of any size that the inner one makes.
        self.bound = Some(inner);
        let parts = [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result];
        parts.into_iter().try_for_each(|part| self.visit(part, depth))?;
        self.bound = None;
        Ok(())
    }

    fn variable(&mut self, name: &str) -> Result<(), Fault> {
        let own = |bound: &ComprehensionExpr| bound.iter_var == name || bound.accu_var == name;
        if self.bound.is_some_and(own) {
            return Ok(());
        }
        if !self.variables.contains(&name) {
            return Err(Fault::new(format!("unknown variable {name:?}; there is {}", self.variables.join(", "))));
        }
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        Ok(())
    }

    fn function(&self, name: &str) -> Result<(), Fault> {
        if FUNCTIONS.contains(&name) || OPERATORS.contains(&name) {
            return Ok(());
        }
        Err(Fault::new(format!("unknown function {name:?}; there is {}", FUNCTIONS.join(", "))))
    }
}

pub fn too_deep() -> Fault {
    Fault::new(format!("is nested more than {MAX_DEPTH} deep"))
}
