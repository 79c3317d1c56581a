//! Which workers take which tasks, and what they may know.

use trinity_ids::{UserId, WorkerId};
use trinity_proto::orchestration as pb;
use trinity_proto::workflow::PlanTask;

use crate::bench::{Bench, request_with};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;

fn labelled(place: &str, label: &str) -> PlanTask {
    PlanTask { worker_label: label.to_owned(), ..task(place, &[]) }
}

fn reason<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> String {
    trinity_error::Error::from(answer.unwrap_err()).reason().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_only_tasks_with_its_labels() {
    let bench = Bench::new(50, LEASE_MS).await;
    bench.plan(vec![labelled("py", "python"), task("plain", &[]), labelled("gpu", "gpu"), labelled("py2", "python")]);
    let run = bench.execute().await;
    let mut plain = bench.worker(8).await;
    assert_eq!(plain.task().await.place, "plain");
    let waiting = bench.tasks(&run).await[0].clone();
    assert_eq!((waiting.waiting_reason(), waiting.worker_label.as_str()), (pb::WaitingReason::NoWorker, "python"));
    let mut python = bench.worker_with(WorkerId::new(), 8, &["python"]).await;
    let (first, second) = (python.task().await, python.task().await);
    assert_eq!([first.place.as_str(), second.place.as_str()], ["py", "py2"]);
    let mut both = bench.worker_with(WorkerId::new(), 8, &["gpu", "default"]).await;
    assert_eq!(both.task().await.place, "gpu");
    let admin = bench.person(UserId::new(), "admin", &[]);
    let request = request_with(&admin, pb::ListWorkersRequest {});
    let workers = bench.runs().list_workers(request).await.unwrap().into_inner();
    let mut labels: Vec<_> = workers.workers.into_iter().map(|worker| worker.labels).collect();
    labels.sort_unstable();
    assert_eq!(labels, [vec!["default"], vec!["default", "gpu"], vec!["python"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_opened_for_the_attempt_that_holds_the_lease_alone() {
    let bench = Bench::new(5, LEASE_MS).await;
    let known = [("DB_URL", "postgres://secret"), ("OTHER", "else")];
    *bench.peers.variables.lock().unwrap() = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    bench.plan(vec![PlanTask { secrets: vec!["DB_URL".to_owned(), "GONE".to_owned()], ..task("a", &[]) }]);
    bench.execute().await;
    let mut worker = bench.worker(1).await;
    let mine = worker.task().await;
    assert_eq!(mine.secrets, ["DB_URL", "GONE"]);
    let reveal = async |task: Option<pb::TaskRef>, names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let request = bench.service_request(pb::RevealSecretsRequest { task, names });
        bench.worker_calls().reveal_secrets(request).await.map(|answer| answer.into_inner().values)
    };
    let values = reveal(mine.task.clone(), &["DB_URL", "GONE"]).await.unwrap();
    assert_eq!(values.into_iter().collect::<Vec<_>>(), [("DB_URL".to_owned(), "postgres://secret".to_owned())]);
    assert!(reveal(mine.task.clone(), &[]).await.unwrap().is_empty(), "no names are not all names");
    assert_eq!(reason(reveal(mine.task.clone(), &["OTHER"]).await), "SECRET_NOT_NAMED");
    let superseded = mine.task.clone().map(|task| pb::TaskRef { attempt: task.attempt + 1, ..task });
    assert_eq!(reason(reveal(superseded, &["DB_URL"]).await), "LEASE_LOST");
    worker.complete(&mine);
    worker.recorded().await;
    assert_eq!(reason(reveal(mine.task.clone(), &["DB_URL"]).await), "LEASE_LOST");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_are_no_words_are_refused() {
    let bench = Bench::new(5, LEASE_MS).await;
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    for bad in [labels(&[""]), labels(&["a,b"]), labels(&["ü"]), vec!["x".to_owned(); 33]] {
        let hello = pb::Hello {
            worker_id: WorkerId::new().to_string(),
            name: "test".to_owned(),
            slots: 1,
            labels: bad,
            ..pb::Hello::default()
        };
        let kind = Some(pb::connect_request::Kind::Hello(hello));
        let messages = tokio_stream::iter([pb::ConnectRequest { kind }]);
        let refused = bench.worker_calls().connect(bench.service_request(messages)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
}
