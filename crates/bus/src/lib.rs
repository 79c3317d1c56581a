//! Redis as a carrier and a counter: announcements that may be lost without losing a fact, and scripts on keys whose
//! loss costs nothing but exactness for a moment.
//!
//! Invariant: Postgres is the truth. Everything that listens here also sweeps.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, Client, FromRedisValue};
use tokio::sync::broadcast;

pub use redis::{RedisError, Script};

/// About how many entries a stream keeps.
const STREAM_LENGTH: usize = 10_000;
/// How long a blocking read waits.
const BLOCK: Duration = Duration::from_secs(5);
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// How long a command may take before Redis counts as away.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);

/// One entry of a stream: field names and values.
pub type Entry = Vec<(String, String)>;

/// A way to Redis, shared by everything in a process.
#[derive(Clone)]
pub struct Bus {
    client: Client,
    prefix: String,
    connection: std::sync::Arc<tokio::sync::OnceCell<ConnectionManager>>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Bus {
    /// Prepares a way to Redis; it is connected when it is needed, so Redis may be away.
    ///
    /// # Errors
    /// When `url` is malformed.
    pub fn new(url: &str, prefix: &str) -> Result<Self, RedisError> {
        Ok(Self { client: Client::open(url)?, prefix: prefix.to_owned(), connection: std::sync::Arc::default() })
    }

    /// Adds entries to a stream in one round trip.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn publish(&self, stream: &str, entries: &[Entry]) -> Result<(), RedisError> {
        if entries.is_empty() {
            return Ok(());
        }
        let key = self.key(stream);
        let mut pipeline = redis::pipe();
        for entry in entries {
            pipeline.xadd_maxlen(&key, redis::streams::StreamMaxlen::Approx(STREAM_LENGTH), "*", entry).ignore();
        }
        let mut connection = self.connection().await?;
        pipeline.query_async::<()>(&mut connection).await
    }

    /// Answers whether Redis answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), RedisError> {
        let mut connection = self.connection().await?;
        connection.ping::<()>().await
    }

    /// Runs a script on one key of this installation, in one round trip; nothing else runs in Redis meanwhile.
    ///
    /// # Errors
    /// When Redis is away, or the answer is none of `T`.
    pub async fn run<T: FromRedisValue>(&self, script: &Script, key: &str, arguments: &[u64]) -> Result<T, RedisError> {
        let mut connection = self.connection().await?;
        script.key(self.key(key)).arg(arguments).invoke_async(&mut connection).await
    }

    /// Follows a stream from now on, for as long as somebody listens. Entries of the time in which Redis is away, and
    /// those that a slow listener leaves lying, are lost.
    #[must_use]
    pub fn subscribe(&self, stream: &str) -> broadcast::Receiver<Entry> {
        let (sender, receiver) = broadcast::channel(1024);
        let (bus, key) = (self.clone(), self.key(stream));
        trinity_telemetry::spawn("bus-subscriber", async move {
            let mut away = false;
            while sender.receiver_count() > 0 {
                if let Err(error) = bus.follow(&key, &sender).await {
                    if !away {
                        tracing::warn!(%error, "redis is away; going on without its hints");
                    }
                    away = true;
                    tokio::time::sleep(RECONNECT_AFTER).await;
                } else {
                    away = false;
                }
            }
        });
        receiver
    }

    /// Reads a stream on a connection of its own.
    ///
    /// Why: a blocking read on the shared connection would stall everybody else on it, and a response timeout below the
    /// block time would abandon the read.
    async fn follow(&self, key: &str, sender: &broadcast::Sender<Entry>) -> Result<(), RedisError> {
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(BLOCK + COMMAND_TIMEOUT));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let options =
            StreamReadOptions::default().count(500).block(usize::try_from(BLOCK.as_millis()).unwrap_or(5_000));
        // Why: reading from "$" each time would lose what comes between two reads.
        let newest: redis::streams::StreamRangeReply = connection.xrevrange_count(key, "+", "-", 1).await?;
        let mut last = newest.ids.first().map_or_else(|| "0-0".to_owned(), |entry| entry.id.clone());
        while sender.receiver_count() > 0 {
            let reply: Option<StreamReadReply> = connection.xread_options(&[key], &[&last], &options).await?;
            for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids) {
                last.clone_from(&entry.id);
                let fields = entry
                    .map
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, redis::from_redis_value::<String>(value).ok()?)))
                    .collect();
                // Why: no receiver left is not an error; the loop ends.
                let _ = sender.send(fields);
            }
        }
        Ok(())
    }

    async fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(COMMAND_TIMEOUT))
                .set_response_timeout(Some(COMMAND_TIMEOUT))
                .set_number_of_retries(1);
            ConnectionManager::new_with_config(self.client.clone(), config).await
        };
        self.connection.get_or_try_init(connect).await.cloned()
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }
}
