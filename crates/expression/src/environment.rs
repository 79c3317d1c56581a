//! The functions that an expression may call, as the interpreter knows them.

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{Env, ExecutionError};
use regex::RegexBuilder;

/// How large a compiled pattern may be, in bytes.
///
/// Why: matching takes the text's length times the pattern's size, and a pattern is compiled at each call.
const MAX_PATTERN_BYTES: usize = 1 << 16;

/// The standard environment of CEL without optional values, and with a bounded `matches`.
pub static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Invariant: the standard environment has no `matches` of its own without the feature "regex".
    env.add_member_overload("matches", "string_matches", STRING_TYPE, vec![STRING_TYPE], matches)
        .expect("declared once");
    env.add_overload("matches", "matches", vec![STRING_TYPE, STRING_TYPE], matches).expect("declared once");
    Arc::new(env)
});

#[expect(clippy::needless_pass_by_value, reason = "the signature of an overload")]
fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let fail = |message: String| ExecutionError::function_error("matches", message);
    let [text, pattern] = args.as_slice() else { return Err(fail("takes a text and a pattern".to_owned())) };
    let (Some(text), Some(pattern)) = (text.downcast_ref::<CelString<'_>>(), pattern.downcast_ref::<CelString<'_>>())
    else {
        return Err(fail("takes a text and a pattern".to_owned()));
    };
    let pattern = RegexBuilder::new(pattern.inner())
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| fail(error.to_string()))?;
    Ok(CowVal::owned(CelBool::from(pattern.is_match(text.inner()))))
}
