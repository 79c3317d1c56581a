//! The contracts as Rust types, and their descriptors with routes and policies.
//!
//! Messages are generated from `proto/`, clients and servers by `stubs.rs`; what these have in common is in `stub`.

pub mod descriptors;
mod json;
mod stub;

/// Generated code, in the shape of the packages.
#[allow(clippy::all, clippy::pedantic, unused_qualifications, missing_docs)]
mod generated {
    pub mod google {
        pub mod api {
            tonic::include_proto!("google.api");
        }
    }
    pub mod trinity {
        pub mod common {
            pub mod v1 {
                tonic::include_proto!("trinity.common.v1");
            }
        }
        pub mod tenant {
            pub mod v1 {
                tonic::include_proto!("trinity.tenant.v1");
            }
        }
        pub mod identity {
            pub mod v1 {
                tonic::include_proto!("trinity.identity.v1");
            }
        }
        pub mod registry {
            pub mod v1 {
                tonic::include_proto!("trinity.registry.v1");
            }
        }
        pub mod workflow {
            pub mod v1 {
                tonic::include_proto!("trinity.workflow.v1");
            }
        }
        pub mod orchestration {
            pub mod v1 {
                tonic::include_proto!("trinity.orchestration.v1");
            }
        }
        pub mod audit {
            pub mod v1 {
                tonic::include_proto!("trinity.audit.v1");
            }
        }
    }
}

pub use generated::google;
pub use generated::trinity::audit::v1 as audit;
pub use generated::trinity::common::v1 as common;
pub use generated::trinity::identity::v1 as identity;
pub use generated::trinity::orchestration::v1 as orchestration;
pub use generated::trinity::registry::v1 as registry;
pub use generated::trinity::tenant::v1 as tenant;
pub use generated::trinity::workflow::v1 as workflow;
pub use prost_types::Timestamp;
