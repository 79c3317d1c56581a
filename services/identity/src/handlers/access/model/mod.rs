//! Random sequences of changes against a naive model: what one statement reads and [`Access`] decides, cached and not,
//! is what follows from the facts taken one by one.

mod changes;
mod facts;
mod shelves;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{TimeDelta, Utc};
use trinity_access::{Access, Object, ObjectKind, PERMISSIONS, Permissions};
use trinity_config::Shared;
use trinity_context::{Caller, RequestContext};
use trinity_db::Db;
use trinity_ids::{SessionId, TenantId};
use trinity_rpc::{CancellationToken, Peers, Runtime};
use trinity_testkit::{TestDb, TestRedis, TestTokens, eventually};
use uuid::Uuid;

use self::facts::{Dice, Model, Person, Thing};
use self::shelves::Shelves;
use crate::domain::{Email, NewUser, RefreshToken, Roles};
use crate::store::access::{Who, load};
use crate::store::session::Client;
use crate::{Config, MIGRATOR, store};

const CHANGES: usize = 2_500;
const QUESTIONS: usize = 39;
const OWN_ROLES: [&str; 3] = ["auditor", "runner", "helper"];

/// The model beside the service.
struct Rig {
    _database: TestDb,
    db: Db,
    runtime: Runtime,
    ctx: RequestContext,
    tenant: TenantId,
    model: Model,
    shelves: Shelves,
    dice: Dice,
}

impl Rig {
    async fn start(seed: u64) -> Self {
        let database = TestDb::new("identity", &MIGRATOR).await;
        let redis = TestRedis::new();
        let shared = Shared {
            redis_url: redis.url,
            redis_prefix: redis.prefix,
            service_key: TestTokens::new().service_seed().to_owned(),
            issuer: "trinity".to_owned(),
            log: "info".to_owned(),
            log_format: "text".to_owned(),
            peers: BTreeMap::default(),
        };
        let peers = Peers::local("identity", &shared).unwrap();
        let runtime = Runtime::new(&shared, peers, CancellationToken::new()).unwrap();
        let settings = [("database_url", database.url().to_owned()), ("master_key", STANDARD.encode([7; 32]))];
        let settings =
            settings.map(|(name, value)| (format!("TRINITY_IDENTITY_{}", name.to_uppercase()), value)).into();
        let config: Config = trinity_config::load_from("identity", &settings).unwrap();
        let service = crate::build(config, runtime.clone()).await.unwrap();
        eventually(Duration::from_secs(20), "the service", || async { service.is_ready().await.then_some(()) }).await;
        runtime.peers.install("identity", service.routes);
        let shelves = Shelves::default();
        runtime.peers.install("registry", shelves.routes());
        runtime.peers.install("workflow", shelves.routes());
        let (tenant, db) = (TenantId::new(), database.db());
        let ctx = RequestContext::service("model").for_tenant(tenant);
        let roles = trinity_access::ROLES.iter().map(|role| (role.name.to_owned(), role.permissions())).collect();
        let (people, groups, things, bindings, grants) = Default::default();
        let model = Model { people, groups, roles, things, bindings, grants };
        let dice = Dice(seed);
        let mut rig = Self { _database: database, db, runtime, ctx, tenant, model, shelves, dice };
        rig.populate().await;
        rig
    }

    async fn populate(&mut self) {
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        for number in 0..8 {
            let new = NewUser {
                email: Email::parse(&format!("u{number}@model.example")).unwrap(),
                username: String::new(),
                full_name: String::new(),
                roles: Roles::stored(Vec::new()),
            };
            let id = store::user::insert(&mut tx, self.tenant, &new, "no hash").await.unwrap().id;
            let person = Person { id, session: SessionId::new(), active: true, signed_in: false };
            self.model.people.push(person);
        }
        for number in 0..4 {
            let group = store::group::insert(&mut tx, self.tenant, &format!("g{number}"), "").await.unwrap();
            self.model.groups.push((group.id, BTreeSet::new()));
        }
        for name in OWN_ROLES {
            let role = store::role::insert(&mut tx, self.tenant, name, "", Permissions::NONE).await.unwrap();
            self.model.roles.insert(role.name, role.permissions);
        }
        tx.commit().await.unwrap();
        for person in 0..self.model.people.len() {
            self.sign_in(person).await;
        }
        for (kind, count) in
            [(ObjectKind::Project, 4), (ObjectKind::Folder, 5), (ObjectKind::Job, 4), (ObjectKind::Workflow, 8)]
        {
            for _ in 0..count {
                let owner = Some(self.dice.pick(&self.model.people).id).filter(|_| kind != ObjectKind::Folder);
                let thing = Thing { object: Object { kind, id: Uuid::now_v7() }, owner, parent: None };
                self.model.things.push(thing);
                self.relocate(self.model.things.len() - 1);
            }
        }
    }

    /// Moves a thing to where its kind may be; projects stay.
    fn relocate(&mut self, thing: usize) {
        let allowed: &[ObjectKind] = match self.model.things[thing].object.kind {
            ObjectKind::Project => return,
            ObjectKind::Folder | ObjectKind::Job | ObjectKind::Workflow => &[ObjectKind::Project, ObjectKind::Folder],
        };
        // Why only what came before: so nothing contains itself.
        let places: Vec<usize> =
            (0..thing).filter(|&place| allowed.contains(&self.model.things[place].object.kind)).collect();
        let parent = *self.dice.pick(&places);
        self.model.things[thing].parent = Some(parent);
        for place in [parent, thing] {
            let thing = &self.model.things[place];
            self.shelves.put(thing.object, thing.parent.map(|parent| self.model.things[parent].object));
        }
    }

    async fn sign_in(&mut self, person: usize) {
        let person = &mut self.model.people[person];
        person.session = SessionId::new();
        person.signed_in = true;
        let token = RefreshToken::first(self.tenant, person.session).unwrap();
        let client = Client { ip: "", user_agent: "" };
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        store::session::insert(&mut tx, &token, person.id, client, Duration::from_secs(3600)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What a person may do: read anew, and as a service that heard of the change gets it over the contract.
    async fn both(&self, person: usize) -> Option<(Access, Arc<Access>)> {
        let person = &self.model.people[person];
        let caller = Caller::User { tenant: self.tenant, user: person.id, session: person.session };
        self.runtime.authenticator.forget_access(self.tenant);
        let cached = self.runtime.authenticator.access(&Arc::new(caller)).await;
        let fresh = load(&self.db, &self.ctx, Who::Session(person.id, person.session)).await.unwrap();
        let is_good = person.active && person.signed_in;
        assert_eq!((fresh.is_some(), cached.is_ok()), (is_good, is_good), "whether somebody is still good");
        fresh.map(|fresh| (fresh.access, cached.unwrap()))
    }

    fn ask(&mut self, person: usize, both: &(Access, Arc<Access>), after: &str) {
        let word = self.dice.pick(&PERMISSIONS).name;
        let thing = self.dice.below(self.model.things.len());
        let at = Utc::now() + TimeDelta::minutes(*self.dice.pick(&[0, 0, 45, 120]));
        let (path, flat, person) = (self.model.path(thing), self.model.flat_path(thing), &self.model.people[person]);
        let expected = self.model.allows(person, word, Some(thing), at);
        let in_tenant = self.model.allows(person, word, None, at);
        let (fresh, cached) = (&both.0, both.1.as_ref());
        for (how, access, path) in [("fresh", fresh, &path), ("cached", cached, &path), ("by a service", cached, &flat)]
        {
            let found = [
                access.allows(word, path, at),
                access.permissions_on(path, at).has(word),
                access.visible(word, at).covers(path),
            ];
            assert_eq!(found, [expected; 3], "{how}: {word} on {path:?} at {at} after {after}");
            assert_eq!(access.allows_in_tenant(word), in_tenant, "{how}: {word} in the tenant after {after}");
            assert_eq!(access.visible(word, at).everything, in_tenant, "{how}: {word} everywhere after {after}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_random_steps_agree_with_a_naive_model() {
    let seed = std::env::var("MODEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| Utc::now().timestamp_micros().unsigned_abs() | 1);
    println!("MODEL_SEED={seed}");
    let mut rig = Rig::start(seed).await;
    let (mut steps, mut allowed) = (0, 0);
    while steps < CHANGES * (QUESTIONS + 1) {
        let after = rig.change().await;
        steps += 1;
        let person = rig.dice.below(rig.model.people.len());
        let Some(both) = rig.both(person).await else {
            steps += QUESTIONS;
            continue;
        };
        for _ in 0..QUESTIONS {
            rig.ask(person, &both, after);
            steps += 1;
        }
        allowed += both.0.grants.len();
    }
    assert!(allowed > 0, "somebody had something");
    rig.runtime.shutdown.cancel();
}
