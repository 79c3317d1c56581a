//! An installation of separate processes, and its tenants.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::migrate::Migrator;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use trinity_authz::{ServiceKey, TokenSigner};
use trinity_crypto::MasterKey;
use trinity_testkit::{OwnRedis, TestDb, eventually, free_port};

use crate::api::Api;
use crate::process::Process;

/// Services with a schema, in the order in which they are started.
const SERVICES: [&str; 6] = ["tenant", "identity", "audit", "registry", "workflow", "orchestration"];
const START_DEADLINE: Duration = Duration::from_secs(60);
/// The password of every person in these tests.
pub const PASSWORD: &str = "violet tundra motorway 41 kettle";
/// The first member of staff.
pub const STAFF: &str = "operator@trinity.example";
const MASTER_KEY: [u8; 32] = [3; 32];

/// What a test may want otherwise.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Host and port by which the services reach Postgres, instead of its own.
    pub postgres_through: Option<String>,
    /// Where files lie, instead of a folder of its own.
    pub storage_url: Option<String>,
    /// Further settings.
    pub settings: Vec<(&'static str, String)>,
    /// Whether there are two of orchestration and of the worker, one pair beside the other.
    pub doubled: bool,
}

/// A running installation. Everything ends with this value.
pub struct Installation {
    /// Its processes by the services' names; first, so that they end before what they use.
    pub processes: BTreeMap<&'static str, Process>,
    /// The database, for tests that look behind the scenes.
    pub db: TestDb,
    /// Its Redis, which a test may empty.
    pub redis: OwnRedis,
    http: String,
    grpc: BTreeMap<&'static str, String>,
    key: ServiceKey,
    storage_url: String,
    folder: TempDir,
}

/// Every service with its migrations.
pub fn migrators() -> [(&'static str, &'static Migrator); 6] {
    [
        ("tenant", &trinity_tenant::MIGRATOR),
        ("identity", &trinity_identity::MIGRATOR),
        ("registry", &trinity_registry::MIGRATOR),
        ("workflow", &trinity_workflow::MIGRATOR),
        ("orchestration", &trinity_orchestration::MIGRATOR),
        ("audit", &trinity_audit::MIGRATOR),
    ]
}

impl Installation {
    /// Starts everything and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// As [`Self::start`], with the test's own wishes.
    pub async fn start_with(options: Options) -> Self {
        let db = TestDb::with(&migrators()).await;
        add_first_staff(&db).await;
        let this = Self::spawn(db, &options);
        this.ready(START_DEADLINE).await;
        this
    }

    /// Starts everything without waiting.
    pub fn spawn(db: TestDb, options: &Options) -> Self {
        let redis = OwnRedis::start();
        let folder = TempDir::new().expect("a folder");
        let seed = STANDARD.encode(uuid::Uuid::new_v4().simple().to_string().as_bytes());
        let key = ServiceKey::new("tests", &seed).expect("a key");
        let grpc: BTreeMap<&str, String> =
            SERVICES.into_iter().map(|name| (name, format!("http://127.0.0.1:{}", free_port()))).collect();
        let http = format!("127.0.0.1:{}", free_port());
        let storage_url = options.storage_url.clone();
        let storage_url = storage_url.unwrap_or_else(|| format!("file://{}/objects", folder.path().display()));
        let mut this = Self {
            http: format!("http://{http}"),
            processes: BTreeMap::new(),
            db,
            redis,
            grpc,
            key,
            storage_url,
            folder,
        };
        let shared = this.shared(&seed, options);
        for name in SERVICES {
            this.add(name, this.service_settings(name, &shared, options));
        }
        let storage = this.storage();
        this.add("worker", with(&shared, [("TRINITY_WORKER_STORAGE_URL", storage)]));
        this.add("gateway", with(&shared, [("TRINITY_GATEWAY_LISTEN", http)]));
        if options.doubled {
            this.add_second_pair(&shared, options);
        }
        this
    }

    fn add_second_pair(&mut self, shared: &BTreeMap<String, String>, options: &Options) {
        let address = format!("127.0.0.1:{}", free_port());
        let listen = [("TRINITY_ORCHESTRATION_LISTEN", address.clone())];
        let settings = with(&self.service_settings("orchestration", shared, options), listen);
        self.add_as("orchestration-2", "orchestration", settings);
        let peer = ("TRINITY_PEERS_ORCHESTRATION", format!("http://{address}"));
        let storage = ("TRINITY_WORKER_STORAGE_URL", self.storage());
        self.add_as("worker-2", "worker", with(shared, [peer, storage]));
    }

    fn shared(&self, seed: &str, options: &Options) -> BTreeMap<String, String> {
        let mut shared = with(
            &BTreeMap::new(),
            [
                ("TRINITY_REDIS_URL", self.redis.url().to_owned()),
                ("TRINITY_SERVICE_KEY", seed.to_owned()),
                ("TRINITY_LOG_FORMAT", "text".to_owned()),
                ("TRINITY_LOG", "info,sqlx=warn".to_owned()),
                ("TRINITY_GATEWAY_PUBLIC_REQUESTS_PER_MINUTE", "0".to_owned()),
                ("PATH", std::env::var("PATH").unwrap_or_default()),
            ],
        );
        for (name, url) in &self.grpc {
            shared.insert(format!("TRINITY_PEERS_{}", name.to_uppercase()), url.clone());
        }
        with(&shared, options.settings.iter().cloned())
    }

    fn service_settings(
        &self,
        name: &str,
        shared: &BTreeMap<String, String>,
        options: &Options,
    ) -> BTreeMap<String, String> {
        let setting = |field: &str| format!("TRINITY_{}_{field}", name.to_uppercase());
        let mut settings = shared.clone();
        let mut url = self.db.urls(name).serve.clone();
        if let Some(through) = &options.postgres_through {
            let (_, rest) = url.rsplit_once('@').expect("a user in the URL");
            let (host, _) = rest.split_once('/').expect("a database in the URL");
            url = url.replace(host, through);
        }
        settings.insert(setting("DATABASE_URL"), url);
        settings.insert(setting("LISTEN"), self.grpc[name].trim_start_matches("http://").to_owned());
        match name {
            "identity" => {
                settings.insert(setting("MASTER_KEY"), STANDARD.encode(MASTER_KEY));
                settings.insert(setting("MAIL_FOLDER"), self.mail_folder().display().to_string());
            }
            "audit" => drop(settings.insert(setting("SIGNING_KEY"), STANDARD.encode([4u8; 32]))),
            "registry" => drop(settings.insert(setting("STORAGE_URL"), self.storage())),
            "orchestration" => {
                settings.insert(setting("MASTER_KEY"), STANDARD.encode(MASTER_KEY));
                settings.entry(setting("LEASE_MS")).or_insert_with(|| "3000".to_owned());
            }
            _ => {}
        }
        settings
    }

    /// Where mails land.
    pub fn mail_folder(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    fn storage(&self) -> String {
        self.storage_url.clone()
    }

    /// Starts a program from elsewhere beside the services, with the settings of a worker and some of its own.
    pub fn start_worker(&mut self, name: &'static str, program: PathBuf, own: &[(&'static str, String)]) {
        let settings = with(&self.process("worker").settings.clone(), own.iter().cloned());
        let mut process = Process::of(program, name, settings, self.folder.path());
        process.start();
        self.processes.insert(name, process);
    }

    fn add(&mut self, name: &'static str, settings: BTreeMap<String, String>) {
        self.add_as(name, name, settings);
    }

    fn add_as(&mut self, label: &'static str, service: &str, settings: BTreeMap<String, String>) {
        let folder: &Path = self.folder.path();
        let mut process = Process::new(&format!("trinity-{service}"), label, settings, folder);
        process.start();
        self.processes.insert(label, process);
    }

    /// Waits until the gateway says that everything is ready.
    pub async fn ready(&self, deadline: Duration) {
        let url = format!("{}/readyz", self.http);
        eventually(deadline, "the installation to be ready", || async {
            reqwest::get(&url).await.ok().filter(|answer| answer.status() == 200).map(drop)
        })
        .await;
    }

    /// Where the gateway answers.
    pub fn http(&self) -> &str {
        &self.http
    }

    /// The API as nobody sees it.
    pub fn anonymous(&self) -> Api {
        Api::new(&self.http)
    }

    /// A gRPC channel to a service.
    pub async fn channel(&self, service: &str) -> Channel {
        Endpoint::from_shared(self.grpc[service].clone()).expect("a URL").connect().await.expect("a connection")
    }

    /// A request in the name of a service.
    pub fn internal<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {}", self.key.token()).parse().expect("a token"));
        request
    }

    /// The token of a service.
    pub fn service_token(&self) -> String {
        self.key.token()
    }

    /// What the first member of staff sees; the command that makes him has been run at the start.
    pub async fn staff(&self) -> Api {
        let body = serde_json::json!({"email": STAFF, "password": PASSWORD});
        let answer = self.anonymous().post("/platform/auth/login", body).await;
        self.anonymous().with_token(answer.data()["access_token"].as_str().expect("a token"))
    }

    /// Makes a tenant with an owner, as staff do, and gives the tenant's id and the owner's view.
    pub async fn tenant(&self, slug: &str) -> (String, Api) {
        let (staff, email) = (self.staff().await, format!("owner@{slug}.example"));
        let made = staff.post("/platform/tenants", serde_json::json!({"name": slug, "slug": slug})).await;
        let tenant_id = made.data()["id"].as_str().expect("an id").to_owned();
        let plan = serde_json::json!({"plan": "enterprise"});
        staff.put(&format!("/platform/tenants/{tenant_id}/subscription"), plan).await.data();
        let owner = serde_json::json!({"email": email, "password": PASSWORD, "full_name": "Owner"});
        staff.post(&format!("/platform/tenants/{tenant_id}/first-owner"), owner).await.data();
        (tenant_id, self.anonymous().login(slug, &email, PASSWORD).await)
    }

    /// Signs with identity's own newest key, as nobody outside can: for tokens that are wrong in one thing only.
    pub async fn signer(&self, issuer: &str) -> (TokenSigner, Vec<u8>) {
        let mut connection = self.db.admin().await;
        let (kid, sealed): (String, Vec<u8>) = sqlx::query_as(
            "SELECT kid, sealed_private_key FROM identity.signing_keys ORDER BY generation DESC LIMIT 1",
        )
        .fetch_one(&mut connection)
        .await
        .expect("a key");
        let sealer = MasterKey::from_bytes(MASTER_KEY).sealer("signing keys").expect("a sealer");
        let private = sealer.open(kid.as_bytes(), &sealed).expect("the private key");
        (TokenSigner::new(&kid, issuer, &private).expect("a signer"), private)
    }

    /// Adds a person with a role to a tenant and gives the person's view.
    pub async fn person(&self, owner: &Api, slug: &str, role: &str) -> Api {
        self.named_person(owner, slug, role, role).await.1
    }

    /// Adds a person of this name with a role; gives the person's id and view.
    pub async fn named_person(&self, owner: &Api, slug: &str, name: &str, role: &str) -> (String, Api) {
        let email = format!("{name}@{slug}.example");
        let body = serde_json::json!({"email": email, "password": PASSWORD, "roles": [role]});
        let user = owner.post("/users", body).await.data()["id"].as_str().expect("an id").to_owned();
        (user, self.anonymous().login(slug, &email, PASSWORD).await)
    }

    /// The process of a service.
    pub fn process(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).expect("a service")
    }
}

/// Makes the first member of staff, as the command of the identity service does.
pub async fn add_first_staff(db: &TestDb) {
    let settings = BTreeMap::from([
        ("TRINITY_IDENTITY_DATABASE_URL".to_owned(), db.urls("identity").serve.clone()),
        ("TRINITY_IDENTITY_MASTER_KEY".to_owned(), STANDARD.encode(MASTER_KEY)),
    ]);
    let identity = trinity_config::load_from("identity", &settings).expect("settings of identity");
    trinity_identity::create_staff(&identity, STAFF, PASSWORD, "Operator").await.expect("a first member of staff");
}

fn with<K: Into<String>>(
    settings: &BTreeMap<String, String>,
    more: impl IntoIterator<Item = (K, String)>,
) -> BTreeMap<String, String> {
    let mut settings = settings.clone();
    settings.extend(more.into_iter().map(|(key, value)| (key.into(), value)));
    settings
}
