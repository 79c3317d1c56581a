//! SQL written by people: expressions and single SELECTs over the inputs, and nothing that writes or reaches outside.

use datafusion::{
    common::DFSchema,
    logical_expr::Expr,
    prelude::{DataFrame, SessionContext},
};

use crate::{Fault, fault::code};

/// Parses a SQL expression over the columns of a table.
pub(crate) fn expression(session: &SessionContext, text: &str, schema: &DFSchema, place: &str) -> Result<Expr, Fault> {
    session.parse_sql_expr(text, schema).map_err(|error| Fault::from(error).about(place))
}

/// Plans one SELECT over the tables of the session.
pub(crate) async fn query(session: &SessionContext, text: &str) -> Result<DataFrame, Fault> {
    let frame = trinity_sql::select(session, text).await?;
    frame.ok_or_else(|| Fault::lasting(code::QUERY_INVALID, "only one SELECT is allowed"))
}
