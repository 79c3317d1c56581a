//! The comments of the proto files, by the path of what they stand at.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, FileDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

/// Every leading comment of the contracts.
pub struct Comments {
    texts: HashMap<(String, Vec<i32>), String>,
}

impl Comments {
    /// Reads them from the descriptor set's source info.
    #[must_use]
    pub fn read() -> Self {
        let mut texts = HashMap::new();
        for file in trinity_proto::descriptors::pool().files() {
            let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
            for location in info.location {
                let lines: Vec<&str> = location.leading_comments().lines().map(str::trim).collect();
                let text = lines.join(" ").trim().to_owned();
                if !text.is_empty() {
                    texts.insert((file.name().to_owned(), location.path), text);
                }
            }
        }
        Self { texts }
    }

    /// What a service is.
    #[must_use]
    pub fn of_service(&self, service: &ServiceDescriptor) -> &str {
        self.at(&service.parent_file(), service.path())
    }

    /// What an RPC does.
    #[must_use]
    pub fn of_method(&self, method: &MethodDescriptor) -> &str {
        self.at(&method.parent_service().parent_file(), method.path())
    }

    /// What a message is.
    #[must_use]
    pub fn of_message(&self, message: &MessageDescriptor) -> &str {
        self.at(&message.parent_file(), message.path())
    }

    /// What a field holds.
    #[must_use]
    pub fn of_field(&self, field: &FieldDescriptor) -> &str {
        self.at(&field.parent_message().parent_file(), field.path())
    }

    fn at(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.texts.get(&(file.name().to_owned(), path.to_vec())).map_or("", String::as_str)
    }
}
