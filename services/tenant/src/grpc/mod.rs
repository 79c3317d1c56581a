//! The contract's doors: one line an RPC, into `handlers`.

mod plan;
mod tenant;

use std::sync::Arc;

use tonic::{Response, Status};

use crate::wiring::App;

/// Answers every RPC of this service.
#[derive(Clone)]
pub(crate) struct Door {
    pub app: Arc<App>,
}

type Answer<T> = Result<Response<T>, Status>;
