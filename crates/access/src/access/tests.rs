//! Decisions in the small, and that every way to ask the same question answers alike.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn grant(object: Object, level: Level) -> Grant {
    Grant { id: Uuid::now_v7(), object, level, starts_at: None, expires_at: None }
}

fn project(id: Uuid) -> Object {
    Object { kind: ObjectKind::Project, id }
}

#[test]
fn a_grant_flows_down_and_not_up() {
    let (id, workflow, owner) = (Uuid::now_v7(), Uuid::now_v7(), UserId::new());
    let (outer, now) = (Path::project(id, owner), Utc::now());
    let inner = Path::workflow(workflow, owner, outer.clone());
    let on = |object| Access { grants: vec![grant(object, Level::Edit)], ..Access::default() };

    let above = on(project(id));
    assert!(above.allows("workflow.update", &inner, now) && above.allows("project.update", &outer, now));
    assert!(!above.allows("workflow.delete", &inner, now), "editing is not deleting");
    let below = on(Object { kind: ObjectKind::Workflow, id: workflow });
    assert!(below.allows("workflow.execute", &inner, now) && !below.allows("project.read", &outer, now));
    let elsewhere = on(project(Uuid::now_v7()));
    assert!(!elsewhere.allows("workflow.read", &inner, now));
}

#[test]
fn a_grant_holds_from_its_start_until_just_before_its_end() {
    let now = Utc::now();
    let mut shared = grant(project(Uuid::now_v7()), Level::View);
    (shared.starts_at, shared.expires_at) = (Some(now), Some(now + TimeDelta::seconds(1)));
    assert!(!shared.holds(now - TimeDelta::microseconds(1)));
    assert!(shared.holds(now) && shared.holds(now + TimeDelta::milliseconds(999)));
    assert!(!shared.holds(now + TimeDelta::seconds(1)));
}

#[test]
fn owners_have_all_that_admins_of_the_object_have_and_programs_own_nothing() {
    let (me, now) = (UserId::new(), Utc::now());
    let mine = Path::project(Uuid::now_v7(), me);
    let person = Access { owner: Some(me), ..Access::default() };
    assert!(person.allows("grant.manage", &mine, now) && !person.allows("audit.read", &mine, now));
    assert!(!Access::default().allows("project.read", &mine, now));
}

#[test]
fn a_key_never_goes_beyond_its_scopes() {
    let (me, now) = (UserId::new(), Utc::now());
    let scopes = Some(Permissions::of(["project.read"]));
    let access = Access { tenant: Permissions::ALL, owner: Some(me), scopes, ..Access::default() };
    let path = Path::project(Uuid::now_v7(), me);
    assert!(access.allows("project.read", &path, now) && access.allows_in_tenant("project.read"));
    assert!(!access.allows("project.update", &path, now) && !access.allows_in_tenant("audit.read"));
    assert!(access.visible("run.read", now).is_empty());
    assert_eq!(access.permissions_on(&path, now), Permissions::of(["project.read"]));
}

prop_compose! {
    /// A caller among few objects, so that rights meet them often.
    fn callers()(
        tenant in any::<u8>(),
        bound in prop::collection::vec((0_u128..4, any::<u8>()), 0..3),
        shared in prop::collection::vec((0_u128..4, 0_usize..4, 0_usize..3, -2_i64..3, -2_i64..3), 0..4),
        owner in prop::option::of(0_u128..3),
        scoped in prop::option::of(any::<u8>()),
    ) -> Access {
        let kinds = [ObjectKind::Project, ObjectKind::Folder, ObjectKind::Job, ObjectKind::Workflow];
        let levels = [Level::View, Level::Edit, Level::Admin];
        let words = |bits: u8| WORDS.iter().enumerate().filter(move |(at, _)| bits >> at & 1 == 1).map(|(_, word)| *word);
        let at = |offset: i64| (offset > -2).then(|| moment() + TimeDelta::seconds(offset));
        Access {
            tenant: Permissions::of(words(tenant & tenant >> 4)),
            projects: bound.into_iter().map(|(id, bits)| (Uuid::from_u128(id), Permissions::of(words(bits)))).collect(),
            grants: shared
                .into_iter()
                .map(|(id, kind, level, starts, expires)| Grant {
                    id: Uuid::nil(),
                    object: Object { kind: kinds[kind], id: Uuid::from_u128(id) },
                    level: levels[level],
                    starts_at: at(starts),
                    expires_at: at(expires),
                })
                .collect(),
            owner: owner.map(|id| UserId::from(Uuid::from_u128(id))),
            scopes: scoped.map(|bits| Permissions::of(words(bits))),
            ..Access::default()
        }
    }
}

const WORDS: [&str; 6] =
    ["project.read", "project.delete", "workflow.read", "workflow.execute", "audit.read", "grant.manage"];

fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

proptest! {
    /// The four ways to ask the same question answer alike.
    #[test]
    fn every_way_to_ask_agrees(access in callers(), ids in prop::array::uniform4(0_u128..4), owners in prop::array::uniform2(0_u128..3)) {
        let id = |at: usize| Uuid::from_u128(ids[at]);
        let owner = |at: usize| UserId::from(Uuid::from_u128(owners[at]));
        let path = Path::project(id(0), owner(0))
            .containing(ObjectKind::Folder, id(1), None)
            .containing(ObjectKind::Job, id(2), None)
            .containing(ObjectKind::Workflow, id(3), Some(owner(1)));
        for word in WORDS {
            let allowed = access.allows(word, &path, moment());
            prop_assert_eq!(access.permissions_on(&path, moment()).has(word), allowed, "{}", word);
            prop_assert_eq!(access.visible(word, moment()).covers(&path), allowed, "{}", word);
            prop_assert_eq!(access.reasons(word, Some(&path), moment()).count() > 0, allowed, "{}", word);
        }
    }
}
