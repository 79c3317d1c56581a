//! Validation errors in words for the person who wrote the config.

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};

use crate::ConfigFault;

/// Longest message in characters; errors may quote what was given.
const MAX_MESSAGE: usize = 300;

/// One error as the faults it stands for, at the places a person would look.
pub(crate) fn explain(error: &ValidationError<'_>) -> Vec<ConfigFault> {
    let path = error.instance_path().as_str();
    let at = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
    let here = |message: String| vec![ConfigFault { path: path.to_owned(), message }];
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|key| ConfigFault { path: at(key), message: "unknown setting".into() }).collect()
        }
        Kind::Required { property } => {
            vec![ConfigFault { path: at(property.as_str().unwrap_or_default()), message: "is required".into() }]
        }
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } => explain_branches(error, context),
        Kind::OneOfMultipleValid { .. } => here("must have exactly one of the allowed shapes".into()),
        Kind::Type { kind } => here(format!("must be {}", type_words(kind))),
        Kind::Format { format } if format == "dataset" => here("must be the id of a dataset".into()),
        Kind::Format { format } if format == "workflow" => here("must be the id of a workflow".into()),
        Kind::Format { format } if format == "secret" => {
            here("must be the name of a variable of your environment, such as \"API_TOKEN\"".into())
        }
        Kind::Enum { options } => here(format!("must be one of {options}")),
        Kind::MaxLength { limit } => here(format!("must have at most {}", plural(*limit, "character"))),
        Kind::MinLength { limit } => here(format!("must have at least {}", plural(*limit, "character"))),
        Kind::MinItems { limit } => here(format!("must have at least {}", plural(*limit, "entry"))),
        Kind::MaxItems { limit } => here(format!("must have at most {}", plural(*limit, "entry"))),
        Kind::Minimum { limit } => here(format!("must be at least {limit}")),
        Kind::Maximum { limit } => here(format!("must be at most {limit}")),
        Kind::ExclusiveMinimum { limit } => here(format!("must be more than {limit}")),
        Kind::UniqueItems => here("must not repeat an entry".into()),
        _ => here(error.to_string().chars().take(MAX_MESSAGE).collect()),
    }
}

/// Explains the one branch whose type fits, else which types would.
fn explain_branches(error: &ValidationError<'_>, branches: &[Vec<ValidationError<'static>>]) -> Vec<ConfigFault> {
    let wrong_type = |branch: &[ValidationError<'static>]| {
        branch.iter().find_map(|inner| match inner.kind() {
            Kind::Type { kind } if inner.instance_path() == error.instance_path() => Some(type_words(kind)),
            _ => None,
        })
    };
    let fitting: Vec<_> = branches.iter().filter(|branch| wrong_type(branch).is_none()).collect();
    match fitting.as_slice() {
        [meant] => meant.iter().flat_map(explain).collect(),
        [] => {
            let types: Vec<String> = branches.iter().filter_map(|branch| wrong_type(branch)).collect();
            let message = format!("must be {}", types.join(" or "));
            vec![ConfigFault { path: error.instance_path().as_str().to_owned(), message }]
        }
        several => several.iter().flat_map(|branch| branch.iter().flat_map(explain)).collect(),
    }
}

fn type_words(kind: &TypeKind) -> String {
    let with_article = |name: String| match name.as_str() {
        "null" => name,
        "object" | "array" | "integer" => format!("an {name}"),
        _ => format!("a {name}"),
    };
    match kind {
        TypeKind::Single(one) => with_article(one.to_string()),
        TypeKind::Multiple(many) => {
            many.iter().map(|one| with_article(one.to_string())).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn plural(count: u64, noun: &str) -> String {
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "entry") => format!("{count} entries"),
        _ => format!("{count} {noun}s"),
    }
}
