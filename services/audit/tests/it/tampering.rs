//! A superuser changes the tables in every way that pays; each is found, at the place where it was done.

use trinity_proto::audit as pb;

use crate::stand::{Stand, event};

/// Records 1 to 25; checkpoints lie at 10 and 20, and 21 to 25 are vouched for by the end alone.
async fn grown() -> Stand {
    let stand = Stand::new().await;
    for from in [1, 11, 21] {
        stand.append((from..(from + 10).min(26)).map(|n| event(stand.tenant, n)).collect()).await.unwrap();
    }
    assert_eq!(stand.verify().await.events, 25);
    stand
}

async fn tamper(stand: &Stand, statements: &[&'static str]) -> pb::VerifyChainResponse {
    let mut intruder = stand.intruder().await;
    for statement in statements {
        let done = sqlx::query(*statement).execute(&mut intruder).await.unwrap();
        assert!(done.rows_affected() > 0, "{statement} did nothing");
    }
    stand.verify().await
}

fn assert_found(found: &pb::VerifyChainResponse, sequence: u64, problem: &str) {
    assert!(!found.valid, "it was not found");
    assert_eq!(found.first_bad_sequence, Some(sequence), "{:?}", found.problem);
    assert!(found.problem.as_deref().unwrap_or_default().contains(problem), "{:?}", found.problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_field_is_found() {
    for statement in [
        "UPDATE events SET action = 'project.read' WHERE sequence = 7",
        "UPDATE events SET actor_id = 'somebody else' WHERE sequence = 7",
        "UPDATE events SET after = '{\"z\":12345678901234567890123,\"a\":1.10}' WHERE sequence = 7",
        "UPDATE events SET after = NULL WHERE sequence = 7",
        "UPDATE events SET before = 'null' WHERE sequence = 7",
        "UPDATE events SET created_at = created_at + interval '1 microsecond' WHERE sequence = 7",
        "UPDATE events SET id = gen_random_uuid() WHERE sequence = 7",
        "UPDATE events SET hash = decode('00', 'hex') WHERE sequence = 7",
    ] {
        let stand = grown().await;
        assert_found(&tamper(&stand, &[statement]).await, 7, "was altered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_record_is_found() {
    let stand = grown().await;
    assert_found(&tamper(&stand, &["DELETE FROM events WHERE sequence = 1"]).await, 1, "record 1 is missing");
    let stand = grown().await;
    assert_found(&tamper(&stand, &["DELETE FROM events WHERE sequence IN (12, 13)"]).await, 12, "record 12 is missing");
    let closed_gap =
        ["DELETE FROM events WHERE sequence = 12", "UPDATE events SET sequence = sequence - 1 WHERE sequence > 12"];
    let stand = grown().await;
    assert_found(&tamper(&stand, &closed_gap).await, 12, "was altered, or stands in another's place");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_in_another_order_are_found() {
    let stand = grown().await;
    let swap = "UPDATE events SET sequence = 9 - sequence WHERE sequence IN (4, 5)";
    assert_found(&tamper(&stand, &[swap]).await, 4, "stands in another's place");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_record_is_found() {
    let copy = |sequence: &'static str| {
        let statement = format!(
            "INSERT INTO events SELECT tenant_id, {sequence}, gen_random_uuid(), action, outcome, actor_type, actor_id, actor_name,
                object_type, object_id, object_name, before, after, ip, user_agent, request_id, trace_id,
                created_at + interval '1 second', hash FROM events WHERE sequence = 8"
        );
        &*Box::leak(statement.into_boxed_str())
    };
    let stand = grown().await;
    assert_found(&tamper(&stand, &[copy("8")]).await, 8, "record 8 is there twice");
    let stand = grown().await;
    assert_found(&tamper(&stand, &[copy("26")]).await, 26, "was altered, or stands in another's place");
    let stand = grown().await;
    assert_found(&tamper(&stand, &[copy("0")]).await, 0, "is there twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_tail_is_found() {
    let stand = grown().await;
    assert_found(
        &tamper(&stand, &["DELETE FROM events WHERE sequence > 23"]).await,
        24,
        "records 24 to 25 are missing at the end",
    );
    // The end is moved back to match: the signature is not there for it.
    let moved = [
        "DELETE FROM events WHERE sequence > 23",
        "UPDATE chains SET sequence = 23, head_hash = (SELECT hash FROM events WHERE sequence = 23)",
    ];
    let stand = grown().await;
    assert_found(&tamper(&stand, &moved).await, 23, "the end of the chain does not carry our signature");
    // Back behind a checkpoint, whose signature still vouches for what is gone.
    let far = [
        "DELETE FROM events WHERE sequence > 15",
        "UPDATE chains SET sequence = 15, head_hash = (SELECT hash FROM events WHERE sequence = 15)",
    ];
    let stand = grown().await;
    assert_found(
        &tamper(&stand, &far).await,
        16,
        "records 16 to 20 are missing at the end: a checkpoint vouches for them",
    );
    let stand = grown().await;
    assert_found(&tamper(&stand, &["DELETE FROM chains"]).await, 25, "the end of the chain is missing");
    let stand = grown().await;
    assert_found(&tamper(&stand, &["DELETE FROM events"]).await, 1, "missing at the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_checkpoints_are_found() {
    let stand = grown().await;
    let forged = "UPDATE checkpoints SET hash = (SELECT hash FROM events WHERE sequence = 11) WHERE sequence = 10";
    assert_found(&tamper(&stand, &[forged]).await, 10, "does not carry our signature");
    let stand = grown().await;
    let moved = "UPDATE checkpoints SET sequence = 30 WHERE sequence = 20";
    assert_found(&tamper(&stand, &[moved]).await, 30, "does not carry our signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_somebody_else_wrote_is_never_signed_again() {
    let stand = grown().await;
    tamper(&stand, &["UPDATE chains SET head_hash = decode(repeat('ab', 32), 'hex')"]).await;
    stand.append(vec![event(stand.tenant, 26)]).await.unwrap();
    assert_found(&stand.verify().await, 26, "was altered, or stands in another's place");
    // Even when the chain is made to fit what was appended, nothing vouches for it.
    let fitted = [
        "DELETE FROM events WHERE sequence = 26",
        "UPDATE chains SET sequence = 25, head_hash = (SELECT hash FROM events WHERE sequence = 25)",
    ];
    tamper(&stand, &fitted).await;
    stand.append(vec![event(stand.tenant, 27)]).await.unwrap();
    assert_found(&stand.verify().await, 26, "does not carry our signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_written_anew_by_the_rules_but_without_the_key_is_found() {
    for (erased, sequence, problem) in [
        (&["DELETE FROM events", "DELETE FROM chains"][..], 10, "vouches for another record"),
        (&["DELETE FROM events", "DELETE FROM chains", "DELETE FROM checkpoints"], 10, "does not carry our signature"),
    ] {
        let stand = grown().await;
        tamper(&stand, erased).await;
        let mut rival = stand.rival().await;
        for from in [1, 11, 21] {
            let events = (from..(from + 10).min(26)).map(|n| event(stand.tenant, n + 100)).collect();
            rival.append_batch(stand.service_says(pb::AppendBatchRequest { events })).await.unwrap();
        }
        assert_found(&stand.verify().await, sequence, problem);
    }
}
