//! Files that this crate reads itself, as tables of the engine: read anew, batch by batch, each time they are scanned.

use std::{fmt::Debug, sync::Arc};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::streaming::StreamingTable,
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{stream::RecordBatchReceiverStreamBuilder, streaming::PartitionStream},
    prelude::{DataFrame, SessionContext},
};

use crate::Fault;

/// Batches read ahead of whoever takes them.
const BATCHES_AHEAD: usize = 2;

/// Takes a batch; `false` when no more are wanted.
pub(crate) type Give<'a> = dyn FnMut(RecordBatch) -> bool + 'a;

/// Something that gives batches, on a thread that may block.
pub(crate) trait Source: Debug + Send + Sync + 'static {
    /// Gives all batches, or those that are wanted.
    fn read(&self, give: &mut Give<'_>) -> Result<(), Fault>;
}

/// The table of a source.
pub(crate) fn table(session: &SessionContext, schema: SchemaRef, source: impl Source) -> Result<DataFrame, Fault> {
    let part = Part { schema: schema.clone(), source: Arc::new(source) };
    Ok(session.read_table(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(part)])?))?)
}

#[derive(Debug)]
struct Part<S> {
    schema: SchemaRef,
    source: Arc<S>,
}

impl<S: Source> PartitionStream for Part<S> {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(self.schema.clone(), BATCHES_AHEAD);
        let (to, source) = (builder.tx(), self.source.clone());
        builder.spawn_blocking(move || {
            let mut give = |batch| to.blocking_send(Ok(batch)).is_ok();
            source.read(&mut give).map_err(|fault| DataFusionError::External(Box::new(fault)))
        });
        builder.build()
    }
}
