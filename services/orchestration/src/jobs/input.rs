//! What reaches the engine, and the door through which handlers hand it in.

use tokio::sync::mpsc;
use tokio::time::Instant;
use trinity_ids::WorkerId;
use trinity_proto::orchestration as pb;
use uuid::Uuid;

use crate::store::live::LiveRun;
use crate::store::log::NewLine;
use crate::store::queue::TaskKey;

/// How much may wait for the engine before workers are made to wait.
const QUEUE: usize = 8192;

/// Messages to one connected worker.
pub type WorkerSender = mpsc::UnboundedSender<Result<pb::ConnectResponse, tonic::Status>>;

/// Something for the engine.
#[derive(Debug)]
pub enum Input {
    /// A worker connected.
    Joined(Connected),
    /// A connection ended; `connection` tells it from a newer one of the same worker.
    Left {
        /// The worker.
        worker: WorkerId,
        /// The connection.
        connection: u64,
    },
    /// A worker lives, and still has these tasks.
    Heartbeat {
        /// The worker.
        worker: WorkerId,
        /// What runs there.
        running: Vec<TaskKey>,
    },
    /// Tasks said something.
    Logs(Vec<NewLine>),
    /// An attempt ended.
    Ended {
        /// Who told.
        worker: WorkerId,
        /// The attempt.
        key: TaskKey,
        /// How.
        ending: Ending,
    },
    /// A worker takes another number of tasks from now on: none, when it is about to stop.
    Resized {
        /// The worker.
        worker: WorkerId,
        /// How many tasks it runs at once.
        slots: u32,
    },
    /// A run is about to be committed, and this engine is to have its tasks in memory.
    New(Box<LiveRun>),
    /// Attempts were given up by people: their workers must stop them.
    Stop(Vec<TaskKey>),
    /// Something became ready.
    Wake,
    /// Runs above or below others are to be looked at.
    Tree {
        /// Parents are to hear of children that ended.
        returns: bool,
        /// Runs are to be cancelled because their parents ended.
        orphans: bool,
    },
}

/// A worker's connection.
#[derive(Debug)]
pub struct Connected {
    /// The worker.
    pub worker: WorkerId,
    /// Which of its connections this is.
    pub connection: u64,
    /// For people.
    pub name: String,
    /// How many tasks it runs at once.
    pub slots: u32,
    /// Which tasks it takes, in order.
    pub labels: Vec<String>,
    /// When it last said that it lives.
    pub seen_at: Instant,
    /// The way to it.
    pub sender: WorkerSender,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With a result.
    Completed(Box<pb::TaskCompleted>),
    /// With a failure.
    Failed {
        /// A stable word.
        code: String,
        /// For people.
        message: String,
        /// Whether another attempt may succeed.
        retryable: bool,
    },
    /// Its worker fell silent.
    Lost,
}

/// The door to the engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EngineDoor {
    /// The engine behind it: another one after each start.
    pub id: Uuid,
    inputs: mpsc::Sender<Input>,
}

impl EngineDoor {
    /// Makes the door and the engine's side of it.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Input>) {
        let (inputs, receiver) = mpsc::channel(QUEUE);
        (Self { id: Uuid::new_v4(), inputs }, receiver)
    }

    /// Hands something in; waits while the engine is behind.
    pub async fn send(&self, input: Input) {
        // Why: the engine is gone only when the process stops.
        let _ = self.inputs.send(input).await;
    }

    /// A place for a run that is to name this engine as its keeper; none when the engine is behind. Whoever has one fills
    /// it before he commits the run, so that no result of it can be earlier.
    ///
    /// Why a place first: a start that is made again has new tasks under the same id, and an engine that is named but not
    /// told would go on with those of the time before.
    pub fn place(&self) -> Option<mpsc::Permit<'_, Input>> {
        self.inputs.try_reserve().ok()
    }

    /// Says that something became ready. When the engine is behind, it will look anyway.
    pub fn wake(&self) {
        let _ = self.inputs.try_send(Input::Wake);
    }
}
