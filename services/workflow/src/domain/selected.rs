//! The older form of a molecule, `"selectedAtoms": {"slug": true}`, rewritten as `"atoms": […]`.
//!
//! Nothing else of the document changes, not even its white space.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::document::Object;

const KEY: &str = "selectedAtoms";

/// Rewrites every molecule that has the older form; what is malformed stays, for the parser to name.
pub fn normalise(text: &str) -> Cow<'_, str> {
    let mut rewritten = String::new();
    let mut copied = 0;
    for molecule in molecules(text).unwrap_or_default() {
        let Some(replacement) = rewrite(molecule) else { continue };
        // Why: a borrowed value is a part of the text, so its place is the distance between the two.
        let start = molecule.get().as_ptr() as usize - text.as_ptr() as usize;
        rewritten.push_str(&text[copied..start]);
        rewritten.push_str(&replacement);
        copied = start + molecule.get().len();
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    rewritten.push_str(&text[copied..]);
    Cow::Owned(rewritten)
}

fn molecules(text: &str) -> Option<Vec<&RawValue>> {
    let canvas: Object<'_> = serde_json::from_str(text).ok()?;
    serde_json::from_str(canvas.get("molecules")?.get()).ok()
}

fn rewrite(molecule: &RawValue) -> Option<String> {
    let object = Object::read(molecule)?;
    if object.get("atoms").is_some() || object.repeated_key().is_some() {
        return None;
    }
    let atoms = atoms_of(object.get(KEY)?)?;
    let entries: Vec<String> = object
        .0
        .iter()
        // Why: "atoms": null stands for no atoms, and would now stand beside the real ones.
        .filter(|(key, _)| key != "atoms")
        .map(|(key, value)| match key.as_str() {
            KEY => Some(format!(r#""atoms": [{atoms}]"#)),
            _ => Some(format!("{}: {value}", quoted(key)?)),
        })
        .collect::<Option<_>>()?;
    Some(format!("{{{}}}", entries.join(", ")))
}

/// The chosen atoms in the order of the document, each with its slug as its id.
fn atoms_of(selected: &RawValue) -> Option<String> {
    let mut atoms = Vec::new();
    for (slug, chosen) in Object::read(selected)?.0 {
        match chosen.get() {
            "true" => atoms.push(format!(r#"{{"id": {0}, "atom": {0}}}"#, quoted(&slug)?)),
            "false" => {}
            _ => return None,
        }
    }
    Some(atoms.join(", "))
}

fn quoted(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_molecules_of_the_older_form_change() {
        let text = r#"{ "zoom":1.50,  "molecules": [ {"id":"new","atoms":[]},
            {"position":{"y":1,"x":18446744073709551616}, "selectedAtoms": {"noop": true, "sort": false, "wait": true}, "id": "old"} ] }"#;
        let expected = r#"{ "zoom":1.50,  "molecules": [ {"id":"new","atoms":[]},
            {"position": {"y":1,"x":18446744073709551616}, "atoms": [{"id": "noop", "atom": "noop"}, {"id": "wait", "atom": "wait"}], "id": "old"} ] }"#;
        assert_eq!(normalise(text), expected);
        assert_eq!(normalise(expected), expected);
    }

    #[test]
    fn malformed_selections_are_left_to_the_parser() {
        for text in [
            r#"{"molecules": [{"id": "a", "selectedAtoms": {"noop": 1}}]}"#,
            r#"{"molecules": [{"id": "a", "selectedAtoms": ["noop"]}]}"#,
            r#"{"molecules": [{"id": "a", "atoms": [], "selectedAtoms": {"noop": true}}]}"#,
            r#"{"molecules": {}}"#,
            "nonsense",
        ] {
            assert_eq!(normalise(text), text);
        }
    }
}
