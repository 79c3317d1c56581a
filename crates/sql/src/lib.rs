//! SELECTs written by people, planned by the columnar engine.
//!
//! Why a crate: the planner is compiled where it is awaited, and beside the atoms' loops it would be optimised as they are (ADR 16).

use datafusion::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use futures::future::BoxFuture;

/// Plans one SELECT over the tables of the session; none when the text is anything else.
///
/// # Errors
/// What the engine finds wrong with it, also that it writes or reaches outside.
pub fn select<'a>(
    session: &'a SessionContext,
    text: &'a str,
) -> BoxFuture<'a, Result<Option<DataFrame>, DataFusionError>> {
    Box::pin(async move {
        let state = session.state();
        let statement = state.sql_to_statement(text, &Dialect::Generic)?;
        let Statement::Statement(inner) = &statement else { return Ok(None) };
        if !matches!(inner.as_ref(), ast::Statement::Query(_)) {
            return Ok(None);
        }
        let plan = state.statement_to_plan(statement).await?;
        // Why a second check: a query may hold another statement inside, as in WITH … INSERT.
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        read_only.verify_plan(&plan)?;
        Ok(Some(DataFrame::new(state, plan)))
    })
}
