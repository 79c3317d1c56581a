//! The load: two tenants whose people start runs of every kind, whatever happens.

use std::time::Instant;

use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation, PASSWORD};

use crate::Dice;

/// Tokens last ten minutes.
const LOGIN_EVERY: std::time::Duration = std::time::Duration::from_secs(300);

/// One tenant's view and its workflows.
struct Tenant {
    slug: &'static str,
    api: Api,
    workflows: Vec<String>,
}

/// Everything that was asked for.
pub struct Load {
    tenants: Vec<Tenant>,
    nobody: Api,
    dice: Dice,
    /// Runs whose start was answered with a success, by tenant.
    pub accepted: Vec<(usize, String)>,
    refused: u64,
}

impl Load {
    /// Makes the tenants and their workflows.
    pub async fn prepare(installation: &Installation, seed: u64) -> Self {
        let mut tenants = Vec::new();
        for slug in ["acme", "rival"] {
            let (_, api) = installation.tenant(slug).await;
            let project = api.project("Nights").await;
            let rows: String = (0..2_000).map(|n| format!("{n},{},{}\n", n % 7, n * 3 % 11)).collect();
            let file = format!("id,kind,value\n{rows}").into_bytes();
            let dataset = api.upload(&project, "numbers.csv", file).await["id"].as_str().expect("an id").to_owned();
            let mut workflows = Vec::new();
            for (name, canvas) in [("Fan", fan()), ("Data", data(&dataset)), ("Choice", choice())] {
                workflows.push(api.save(&project, name, canvas).await);
            }
            let fan = workflows[0].clone();
            workflows.push(api.save(&project, "Tree", tree(&fan)).await);
            tenants.push(Tenant { slug, api, workflows });
        }
        let nobody = installation.anonymous();
        Self { tenants, nobody, dice: Dice::new(seed ^ 1), accepted: Vec::new(), refused: 0 }
    }

    /// Starts runs until `end`.
    pub async fn go_on(&mut self, end: Instant) {
        let mut signed_in = Instant::now();
        while Instant::now() < end {
            if signed_in.elapsed() > LOGIN_EVERY {
                self.sign_in().await;
                signed_in = Instant::now();
            }
            let at = usize::try_from(self.dice.below(self.tenants.len() as u64)).expect("a place");
            let tenant = &self.tenants[at];
            let pick = usize::try_from(self.dice.below(tenant.workflows.len() as u64)).expect("a place");
            let context = json!({"context": {"even": self.dice.below(2) == 0}});
            let path = format!("/workflows/{}/execute", tenant.workflows[pick]);
            let answer = tenant.api.post(&path, context).await;
            match answer.body["data"]["run_id"].as_str() {
                Some(run) => self.accepted.push((at, run.to_owned())),
                None => self.refused += 1,
            }
            tokio::time::sleep(self.dice.pause(50, 400)).await;
        }
    }

    /// Signs everybody in anew, as soon as that is possible.
    pub async fn sign_in(&mut self) {
        for tenant in &mut self.tenants {
            let body =
                json!({"tenant": tenant.slug, "email": format!("owner@{}.example", tenant.slug), "password": PASSWORD});
            let nobody = &self.nobody;
            tenant.api = trinity_testkit::eventually(LOGIN_EVERY, "a login", || async {
                let answer = nobody.post("/auth/login", body.clone()).await;
                answer.body["data"]["access_token"].as_str().map(|token| nobody.with_token(token))
            })
            .await;
        }
    }

    /// The tenants' views.
    pub fn apis(&self) -> impl Iterator<Item = &Api> {
        self.tenants.iter().map(|tenant| &tenant.api)
    }

    /// How much was asked for.
    pub fn summary(&self) -> String {
        format!("{} runs accepted, {} refused", self.accepted.len(), self.refused)
    }
}

fn molecule(id: &str, atoms: &Value) -> Value {
    json!({"id": id, "type": "Utility", "atoms": atoms})
}

fn wait(id: &str, milliseconds: u64) -> Value {
    json!({"id": id, "atom": "wait", "config": {"milliseconds": milliseconds}})
}

/// A step, five beside each other, and one behind them.
fn fan() -> Value {
    let mut molecules = vec![molecule("first", &json!([wait("a", 20)]))];
    let mut connections = Vec::new();
    for n in 0..5 {
        let id = format!("m{n}");
        molecules.push(molecule(&id, &json!([wait("a", 100 + 80 * n), wait("b", 30)])));
        connections.push(json!({"from": "first", "to": id}));
        connections.push(json!({"from": id, "to": "last"}));
    }
    molecules.push(molecule("last", &json!([wait("a", 20)])));
    json!({"molecules": molecules, "connections": connections})
}

/// Real work in child processes, whose outputs become datasets.
fn data(dataset: &str) -> Value {
    let sum = json!([{"column": "value", "function": "sum"}]);
    let atoms = json!([
        {"id": "read", "atom": "csv-reader", "config": {"dataset": dataset}},
        {"id": "some", "atom": "filter", "config": {"where": "value > 3"}},
        {"id": "by", "atom": "aggregate", "config": {"group_by": ["kind"], "aggregations": sum}},
    ]);
    json!({"molecules": [molecule("work", &atoms)], "connections": []})
}

/// A step that fails at first, and a way that is taken in every second run.
fn choice() -> Value {
    let flaky =
        json!([{"id": "a", "atom": "fail", "config": {"until_attempt": 2}, "backoff_ms": 100, "max_attempts": 20}]);
    let end = json!([{"id": "a", "atom": "noop", "config": {}, "needs": "any"}]);
    json!({
        "molecules": [
            molecule("flaky", &flaky),
            molecule("even", &json!([wait("a", 50)])),
            molecule("odd", &json!([wait("a", 50)])),
            molecule("end", &end),
        ],
        "connections": [
            {"from": "flaky", "to": "even", "type": "conditional", "when": "context.even"},
            {"from": "flaky", "to": "odd", "type": "conditional", "when": "!context.even"},
            {"from": "even", "to": "end"},
            {"from": "odd", "to": "end"},
        ],
    })
}

/// Three runs of another workflow below this one, two at a time.
fn tree(workflow: &str) -> Value {
    let each = json!({"workflow": workflow, "for_each": {"items": [1, 2, 3]}, "width": 2});
    json!({"molecules": [molecule("each", &json!([{"id": "call", "atom": "workflow", "config": each}]))], "connections": []})
}
