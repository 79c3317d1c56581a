//! The installation under measurement, and the ways into it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Result, row};

const FOLDER: &str = ".data/bench";
/// After this long without work the allocator has given back what it does not need.
const SETTLING: Duration = Duration::from_secs(10);

/// A running installation and a signed-in owner of its demo tenant.
pub struct Place {
    /// `.data/bench/dev.env`.
    pub settings: BTreeMap<String, String>,
    pub token: String,
    pub project: String,
    client: reqwest::blocking::Client,
}

impl Place {
    /// Starts it from nothing and signs in.
    pub fn start() -> Result<Self> {
        // Why anew: what earlier measurements left behind would slow this one down.
        run(Command::new(program("trinity-all-in-one")).args(["remove", "--data", FOLDER]))?;
        run(Command::new(program("trinity-all-in-one")).args(["up", "--data", FOLDER]))?;
        let text = std::fs::read_to_string(format!("{FOLDER}/dev.env"))?;
        let settings: BTreeMap<String, String> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        let client = reqwest::blocking::Client::new();
        let mut place = Self { settings, token: String::new(), project: String::new(), client };
        let login = json!({
            "tenant": place.settings["TRINITY_TENANT"],
            "email": place.settings["TRINITY_EMAIL"],
            "password": place.settings["TRINITY_PASSWORD"],
        });
        place.token = text_of(&place.post("/auth/login", &login)?["access_token"]);
        let name = format!("bench {}", uuid::Uuid::now_v7());
        place.project = text_of(&place.post("/projects", &json!({"name": name, "app": "eda"}))?["id"]);
        Ok(place)
    }

    pub fn stop(&self) -> Result<()> {
        run(Command::new(program("trinity-all-in-one")).args(["down", "--data", FOLDER]))
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.client.post(self.url(path)).bearer_auth(&self.token).json(body);
        data(request.send()?)
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        data(self.client.get(self.url(path)).bearer_auth(&self.token).send()?)
    }

    pub fn upload(&self, path: &str, body: impl Into<reqwest::blocking::Body>) -> Result<Value> {
        let request = self.client.post(self.url(path)).bearer_auth(&self.token).timeout(Duration::from_secs(300));
        data(request.header("content-type", "application/octet-stream").body(body).send()?)
    }

    /// Saves a canvas as a new workflow and gives its id.
    pub fn workflow(&self, name: &str, canvas: &Value) -> Result<String> {
        let body = json!({"project_id": self.project, "name": name, "canvas": canvas});
        Ok(text_of(&self.post("/workflows/save", &body)?["workflow"]["id"]))
    }

    /// One value from the database, as its superuser.
    pub fn sql(&self, statement: &str) -> Result<String> {
        let output = Command::new(postgres("psql")).args(["-XAtqc", statement, &self.superuser_url()]).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The resident memory of the serving process, which has run the worked example and then nothing for a while.
    pub fn idle_memory(&self) -> Result<()> {
        std::thread::sleep(SETTLING);
        let status = std::fs::read_to_string(format!("/proc/{}/status", serving_pid()?))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS")).ok_or("no VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
        row("All services idle in the all-in-one", &format!("{:.0} MB resident", kib / 1024.0), "", "target < 120 MB");
        Ok(())
    }

    /// The CPU seconds so far of this process, of the serving one, and of every process of Postgres.
    pub fn all_cpu_seconds(&self) -> Result<f64> {
        let mut seconds = cpu_seconds("self")? + cpu_seconds(&serving_pid()?)?;
        let output = Command::new("pgrep").args(["-x", "postgres"]).output()?;
        for pid in String::from_utf8(output.stdout)?.split_whitespace() {
            // A connection may have ended meanwhile.
            seconds += cpu_seconds(pid).unwrap_or_default();
        }
        Ok(seconds)
    }

    /// The database as its superuser.
    pub fn superuser_url(&self) -> String {
        let server = self.settings["DATABASE_URL"].rsplit_once('/').map_or("", |(server, _)| server);
        format!("{server}/trinity")
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.settings["TRINITY_URL"])
    }
}

fn serving_pid() -> Result<String> {
    let output = Command::new("pgrep").args(["-f", "trinity-all-in-one serve"]).output()?;
    let pids = String::from_utf8(output.stdout)?;
    Ok(pids.split_whitespace().next().ok_or("no serving process")?.to_owned())
}

/// The CPU seconds that a process has used. Source: proc_pid_stat(5), fields 14 and 15, in hundredths of a second.
pub fn cpu_seconds(pid: &str) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(')').ok_or("no such form")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn data(response: reqwest::blocking::Response) -> Result<Value> {
    let status = response.status();
    let mut body: Value = response.json()?;
    if status.is_success() { Ok(body["data"].take()) } else { Err(format!("{status}: {body}").into()) }
}

/// A program of the workspace, beside this one.
pub fn program(name: &str) -> PathBuf {
    std::env::current_exe().map_or_else(|_| name.into(), |own| own.with_file_name(name))
}

/// A program of the newest Postgres on this machine.
pub fn postgres(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort();
    versions.pop().map_or_else(|| name.into(), |newest| newest.join("bin").join(name))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        .into())
}
