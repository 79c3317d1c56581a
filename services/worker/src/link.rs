//! The stream to orchestration: kept up, and made anew after it breaks, under the same worker id.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use trinity_proto::orchestration::{
    self as pb, connect_request::Kind, connect_response, worker_service_client::WorkerServiceClient,
};
use trinity_rpc::{CancellationToken, Channel, Peers};
use uuid::Uuid;

use crate::{Config, convert::TaskKey, desk::Desk};

/// Messages on their way out at once.
const OUTGOING: usize = 4_096;
/// How long a connection may take to be made, and a message to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between attempts to connect: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A task comes with its config and its run's context.
const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// Until Welcome says otherwise.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long lines of logs are gathered.
const LOG_INTERVAL: Duration = Duration::from_millis(100);
/// How often idle things are let go of.
const TIDY_INTERVAL: Duration = Duration::from_secs(5);

/// Works until `shutdown`, and then until the desk is clear or the drain is over.
///
/// # Errors
/// Names the setting that is missing.
pub(crate) async fn keep(config: &Config, peers: &Peers, desk: Desk, shutdown: CancellationToken) -> Result<()> {
    let mut link = Link {
        client: WorkerServiceClient::new(peers.channel("orchestration")?).max_decoding_message_size(MAX_MESSAGE_BYTES),
        peers: peers.clone(),
        worker_id: Uuid::now_v7().to_string(),
        name: config.name.clone(),
        labels: config.labels.clone(),
        slots: config.slots,
        desk,
        drain: Drain { shutdown, limit: Duration::from_millis(config.drain_ms), until: None },
    };
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    while !link.drain.is_over(&link.desk) {
        let (welcomed, status) = link.session().await;
        if link.drain.is_over(&link.desk) {
            break;
        }
        if welcomed {
            (pause, told) = (FIRST_PAUSE, false);
        }
        // Why once: a worker that waits for orchestration to start should not fill the log.
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%status, "no connection to orchestration; trying again");
        }
        link.rest(jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

/// Why: workers that lost the same connection at once should not come back at once.
fn jittered(pause: Duration) -> Duration {
    let part = f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0;
    pause.mul_f64(0.5 + part / 2.0)
}

struct Link {
    client: WorkerServiceClient<Channel>,
    peers: Peers,
    worker_id: String,
    name: String,
    labels: Vec<String>,
    slots: u32,
    desk: Desk,
    drain: Drain,
}

/// The word to stop, and how long running tasks may go on after it.
struct Drain {
    shutdown: CancellationToken,
    limit: Duration,
    until: Option<Instant>,
}

impl Drain {
    fn has_begun(&mut self) -> bool {
        if self.until.is_none() && self.shutdown.is_cancelled() {
            self.until = Some(Instant::now() + self.limit);
        }
        self.until.is_some()
    }

    fn is_over(&mut self, desk: &Desk) -> bool {
        self.has_begun() && (desk.is_clear() || self.until.is_some_and(|until| Instant::now() >= until))
    }

    /// Returns at the word to stop, and then at the end of the drain.
    async fn next(&mut self) {
        match self.until {
            None => {
                self.shutdown.cancelled().await;
                self.has_begun();
            }
            Some(until) => tokio::time::sleep_until(until.into()).await,
        }
    }
}

impl Link {
    /// One connection from Hello to its end: whether orchestration had said welcome, and why it ended.
    async fn session(&mut self) -> (bool, Status) {
        let mut welcomed = false;
        let ended = self.converse(&mut welcomed).await;
        (welcomed, ended.err().unwrap_or_else(|| Status::ok("orchestration ended the connection")))
    }

    async fn converse(&mut self, welcomed: &mut bool) -> Result<(), Status> {
        let (out, outgoing) = mpsc::channel(OUTGOING);
        let mut incoming = self.connect(&out, outgoing).await?;
        let mut heartbeat = every(HEARTBEAT);
        let (mut logs, mut tidy) = (every(LOG_INTERVAL), every(TIDY_INTERVAL));
        while !self.drain.is_over(&self.desk) {
            tokio::select! {
                message = incoming.message() => match message?.and_then(|message| message.kind) {
                    Some(connect_response::Kind::Welcome(welcome)) => {
                        *welcomed = true;
                        heartbeat = every(Duration::from_millis(u64::from(welcome.heartbeat_ms.max(10))));
                        self.greet(&out).await?;
                    }
                    Some(kind) => self.take(kind, &out).await?,
                    None => return Ok(()),
                },
                ending = self.desk.next_ended() => {
                    // Lines first: those of an ended attempt are not taken any more.
                    self.say(&out).await?;
                    send(&out, ending).await?;
                }
                _ = heartbeat.tick() => send(&out, Kind::Heartbeat(pb::Heartbeat { running: self.desk.held() })).await?,
                _ = logs.tick() => self.say(&out).await?,
                _ = tidy.tick() => {
                    self.desk.tidy();
                    self.repeat(&out, TIDY_INTERVAL).await?;
                }
                () = self.drain.next() => self.say_farewell(&out).await?,
            }
        }
        Ok(())
    }

    /// Repeats what was not recorded.
    async fn greet(&mut self, out: &mpsc::Sender<pb::ConnectRequest>) -> Result<(), Status> {
        tracing::info!(worker_id = self.worker_id, "connected to orchestration");
        self.say(out).await?;
        self.repeat(out, Duration::ZERO).await
    }

    /// Sends again what was not recorded in this time: orchestration may have had no room for it.
    async fn repeat(&mut self, out: &mpsc::Sender<pb::ConnectRequest>, age: Duration) -> Result<(), Status> {
        for ending in self.desk.overdue(age) {
            send(out, ending).await?;
        }
        Ok(())
    }

    /// Asks for no more tasks.
    async fn say_farewell(&mut self, out: &mpsc::Sender<pb::ConnectRequest>) -> Result<(), Status> {
        send(out, Kind::Hello(self.hello(0))).await
    }

    fn hello(&self, slots: u32) -> pb::Hello {
        pb::Hello {
            worker_id: self.worker_id.clone(),
            name: self.name.clone(),
            slots,
            running: self.desk.held(),
            labels: self.labels.clone(),
        }
    }

    async fn connect(
        &mut self,
        out: &mpsc::Sender<pb::ConnectRequest>,
        outgoing: mpsc::Receiver<pb::ConnectRequest>,
    ) -> Result<Streaming<pb::ConnectResponse>, Status> {
        send(out, Kind::Hello(self.hello(self.slots))).await?;
        let mut request = tonic::Request::new(ReceiverStream::new(outgoing));
        if let Ok(token) = format!("Bearer {}", self.peers.service_key().token()).parse() {
            request.metadata_mut().insert("authorization", token);
        }
        match tokio::time::timeout(PATIENCE, self.client.connect(request)).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(Status::deadline_exceeded("connecting took too long")),
        }
    }

    async fn take(
        &mut self,
        kind: connect_response::Kind,
        out: &mpsc::Sender<pb::ConnectRequest>,
    ) -> Result<(), Status> {
        match kind {
            connect_response::Kind::Welcome(_) => {}
            connect_response::Kind::Assignment(assignment) => {
                if self.drain.has_begun() {
                    // Nothing new is begun; without a heartbeat the lease ends and another worker gets the task.
                    return Ok(());
                }
                for task in assignment.tasks {
                    if let Some(ending) = self.desk.start(task) {
                        send(out, ending).await?;
                    }
                }
            }
            connect_response::Kind::Cancel(cancel) => {
                if let Some(task) = &cancel.task {
                    self.desk.cancel(&TaskKey::from(task));
                }
            }
            connect_response::Kind::Recorded(recorded) => self.desk.recorded(&recorded.tasks),
        }
        Ok(())
    }

    async fn say(&mut self, out: &mpsc::Sender<pb::ConnectRequest>) -> Result<(), Status> {
        for log in self.desk.logs.take() {
            send(out, Kind::Log(log)).await?;
        }
        Ok(())
    }

    /// Waits without a connection; what runs goes on, and its results are kept.
    async fn rest(&mut self, pause: Duration) {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                _ = self.desk.next_ended() => {}
                () = self.drain.next() => if self.drain.is_over(&self.desk) { return },
            }
        }
    }
}

fn every(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn send(out: &mpsc::Sender<pb::ConnectRequest>, kind: Kind) -> Result<(), Status> {
    match tokio::time::timeout(PATIENCE, out.send(pb::ConnectRequest { kind: Some(kind) })).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Status::unavailable("the connection is closed")),
        Err(_) => Err(Status::deadline_exceeded("orchestration takes no messages")),
    }
}
