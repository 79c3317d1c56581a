//! SQL written by people: expressions and single SELECTs over the inputs, and nothing that writes or reaches outside.

use datafusion::{
    common::DFSchema,
    logical_expr::{Expr, LogicalPlan},
    prelude::{DataFrame, SQLOptions, SessionContext},
    sql::{parser::Statement, sqlparser::ast::Statement as SqlStatement},
};

use crate::{Fault, fault::code};

/// Parses a SQL expression over the columns of a table.
pub(crate) fn expression(session: &SessionContext, text: &str, schema: &DFSchema, place: &str) -> Result<Expr, Fault> {
    session.parse_sql_expr(text, schema).map_err(|error| Fault::from(error).about(place))
}

/// Plans one SELECT over the tables of the session.
pub(crate) async fn query(session: &SessionContext, text: &str) -> Result<DataFrame, Fault> {
    let statement = session.state().sql_to_statement(text, &datafusion::config::Dialect::Generic)?;
    let is_query = match &statement {
        Statement::Statement(inner) => matches!(inner.as_ref(), SqlStatement::Query(_)),
        _ => false,
    };
    if !is_query {
        return Err(Fault::lasting(code::QUERY_INVALID, "only one SELECT is allowed"));
    }
    let plan: LogicalPlan = session.state().statement_to_plan(statement).await?;
    // Why a second check: a query may hold another statement inside, as in WITH … INSERT.
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan)?;
    Ok(session.execute_logical_plan(plan).await?)
}
