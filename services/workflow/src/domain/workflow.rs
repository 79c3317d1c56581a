//! The rules of a workflow's name, slug, tags and settings, and what a caller asks to be done with it.

use trinity_error::{Error, Result};
use trinity_ids::{FolderId, ProjectId, WorkflowId};

use super::document;

const MAX_NAME: usize = 200;
const MAX_SLUG: usize = 100;
const MAX_DESCRIPTION: usize = 5_000;
const MAX_COMMENT: usize = 2_000;
const MAX_TAGS: usize = 50;
const MAX_TAG: usize = 100;
const MAX_PACKAGE: usize = 100;
/// How large parameters may be.
const MAX_SETTINGS_BYTES: usize = 64 * 1024;

/// A canvas to be saved.
#[derive(Debug)]
pub struct SaveCanvas {
    pub project: ProjectId,
    /// Where a new workflow is to lie.
    pub folder: Option<FolderId>,
    /// None for a new workflow.
    pub workflow: Option<WorkflowId>,
    /// None to keep the name.
    pub name: Option<String>,
    /// None to keep the slug, or to make one from the name.
    pub slug: Option<String>,
    /// The version that the canvas is based on; None to save over any.
    pub version: Option<i64>,
    pub canvas: String,
    /// None to keep the description.
    pub description: Option<String>,
    pub comment: String,
}

/// What is to be changed of a workflow, beside its canvas; None keeps what is there.
#[derive(Debug)]
pub struct ChangeWorkflow {
    pub workflow: WorkflowId,
    /// The version that the change is based on.
    pub version: Option<i64>,
    pub name: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub tags: Option<Vec<String>>,
    pub parameters: Option<String>,
    pub notifications: Option<String>,
}

/// Checks a name: 1 to 200 characters in one line, without white space around it.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn name(text: &str) -> Result<String> {
    let name = text.trim();
    line("name", name, MAX_NAME)?;
    Ok(name.to_owned())
}

/// Checks a slug: lower-case letters, digits and single hyphens.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn slug(text: &str) -> Result<String> {
    if text.len() <= MAX_SLUG && made_slug(text) == text && !text.is_empty() {
        return Ok(text.to_owned());
    }
    Err(Error::invalid("slug", format!("must be 1 to {MAX_SLUG} lower-case letters, digits and single hyphens")))
}

/// Makes a slug from a name; of a name without Latin letters or digits the id takes the place.
#[must_use]
pub fn slug_of(name: &str, id: WorkflowId) -> String {
    let slug = made_slug(name);
    if slug.is_empty() { format!("workflow-{}", &id.to_string()[24..]) } else { slug }
}

fn made_slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == MAX_SLUG {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Checks a description.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn description(text: String) -> Result<String> {
    lines("description", text, MAX_DESCRIPTION)
}

/// Checks the comment of a version.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn comment(text: String) -> Result<String> {
    lines("comment", text, MAX_COMMENT)
}

/// Checks the package of a job; empty for none.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn package(text: &str) -> Result<String> {
    let package = text.trim();
    if !package.is_empty() {
        line("package", package, MAX_PACKAGE)?;
    }
    Ok(package.to_owned())
}

/// Checks tags and drops repetitions.
///
/// # Errors
/// `InvalidArgument` naming the tag.
pub fn tags(tags: Vec<String>) -> Result<Vec<String>> {
    if tags.len() > MAX_TAGS {
        return Err(Error::invalid("tags", format!("are more than {MAX_TAGS}")));
    }
    let mut unique: Vec<String> = Vec::new();
    for (index, tag) in tags.into_iter().enumerate() {
        line(&format!("tags[{index}]"), &tag, MAX_TAG)?;
        if !unique.contains(&tag) {
            unique.push(tag);
        }
    }
    Ok(unique)
}

/// Checks a document of settings: a JSON object.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn settings(field: &str, text: String) -> Result<String> {
    document::check_object(&text, MAX_SETTINGS_BYTES).map_err(|message| Error::invalid(field, message))?;
    Ok(text)
}

fn line(field: &str, text: &str, most: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::required(field));
    }
    if text.chars().count() > most {
        return Err(Error::invalid(field, format!("is longer than {most} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "holds a control character"));
    }
    Ok(())
}

fn lines(field: &str, text: String, most: usize) -> Result<String> {
    if text.chars().count() > most {
        return Err(Error::invalid(field, format!("is longer than {most} characters")));
    }
    // Why: Postgres stores no NUL.
    if text.contains('\0') {
        return Err(Error::invalid(field, "holds a control character"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_made_from_names() {
        let id = WorkflowId::new();
        assert_eq!(slug_of("Data Analysis - Q4 Report, 10/13/2025", id), "data-analysis-q4-report-10-13-2025");
        assert_eq!(slug_of("  Été 2026! ", id), "t-2026");
        assert_eq!(slug_of("天気", id), format!("workflow-{}", &id.to_string()[24..]));
        assert!(slug(&slug_of(&"ab ".repeat(80), id)).is_ok());
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        assert_eq!(name(" Weather ").unwrap(), "Weather");
        assert!(name("  ").is_err() && name("a\nb").is_err() && name(&"x".repeat(201)).is_err());
        for bad in ["", "Upper", "two--hyphens", "-edge", "edge-", "a b"] {
            assert!(slug(bad).is_err(), "{bad}");
        }
        assert_eq!(tags(vec!["a".into(), "b".into(), "a".into()]).unwrap(), ["a", "b"]);
        assert_eq!(tags(vec!["a".into(), String::new()]).unwrap_err().violations()[0].field, "tags[1]");
        assert!(settings("parameters", "[1]".into()).is_err());
        assert!(description("nul \0".into()).is_err());
    }
}
