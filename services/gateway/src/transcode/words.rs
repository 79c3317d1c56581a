//! Enums as lower-case words.

use std::collections::HashMap;

use prost_reflect::EnumDescriptor;

/// The words of an enum.
#[derive(Debug)]
pub struct Words {
    by_word: HashMap<Box<str>, i32>,
    by_number: HashMap<i32, Box<str>>,
    /// All words in the order of their numbers.
    pub all: Vec<Box<str>>,
}

impl Words {
    /// Reads them off the contract.
    #[must_use]
    pub fn new(descriptor: &EnumDescriptor) -> Self {
        let mut words = Words { by_word: HashMap::new(), by_number: HashMap::new(), all: Vec::new() };
        for value in descriptor.values() {
            let word = word(descriptor.name(), value.name());
            words.by_word.insert(word.as_str().into(), value.number());
            words.all.push(word.as_str().into());
            words.by_number.entry(value.number()).or_insert_with(|| word.into());
        }
        words
    }

    /// The number of a word.
    #[must_use]
    pub fn number(&self, word: &str) -> Option<i32> {
        self.by_word.get(word).copied()
    }

    /// The word of a number.
    #[must_use]
    pub fn word(&self, number: i32) -> Option<&str> {
        self.by_number.get(&number).map(AsRef::as_ref)
    }
}

/// The JSON word of an enum's value: `running` for `RUN_STATUS_RUNNING` of `RunStatus`.
#[must_use]
pub fn word(enum_name: &str, value_name: &str) -> String {
    value_name.strip_prefix(&upper_snake(enum_name)).unwrap_or(value_name).to_lowercase()
}

fn upper_snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_uppercase());
    }
    snake.push('_');
    snake
}
