//! Groups, roles and bindings, and that nobody gives what he does not have.

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_proto::identity::{
    AddGroupMemberRequest, CheckRequest, CreateGroupRequest, CreateRoleBindingRequest, CreateRoleRequest,
    DeleteGroupRequest, DeleteRoleBindingRequest, DeleteRoleRequest, GetGroupRequest, Group, ListGroupsRequest,
    ListPermissionsRequest, ListRoleBindingsRequest, ListRolesRequest, LoginResponse, RemoveGroupMemberRequest, Role,
    RoleBinding, Subject, SubjectType, UpdateGroupRequest, UpdateRoleRequest, UpdateUserRequest,
};

use crate::stack::{PASSWORD, Stack, by, field, reason, tenant_of};

pub fn subject(kind: SubjectType, id: &str) -> Option<Subject> {
    Some(Subject { r#type: kind.into(), id: id.to_owned() })
}

pub fn user(id: &str) -> Option<Subject> {
    subject(SubjectType::User, id)
}

pub fn id_of(login: &LoginResponse) -> String {
    login.user.clone().unwrap().id
}

impl Stack {
    /// A new user with these roles, signed in.
    pub async fn person(&self, owner: &LoginResponse, name: &str, roles: &[&str]) -> LoginResponse {
        let email = format!("{name}@acme.example");
        self.user(owner, &email, roles).await.unwrap();
        self.login("acme", &email, PASSWORD).await.unwrap()
    }

    pub async fn group(&self, caller: &LoginResponse, name: &str) -> Group {
        let request = CreateGroupRequest { name: name.to_owned(), description: String::new() };
        self.access().create_group(by(caller, request)).await.unwrap().into_inner().group.unwrap()
    }

    pub async fn join(&self, caller: &LoginResponse, group_id: &str, user_id: &str) -> Result<(), Status> {
        let request = AddGroupMemberRequest { group_id: group_id.to_owned(), user_id: user_id.to_owned() };
        self.access().add_group_member(by(caller, request)).await.map(|_| ())
    }

    pub async fn leave(&self, caller: &LoginResponse, group_id: &str, user_id: &str) -> Result<(), Status> {
        let request = RemoveGroupMemberRequest { group_id: group_id.to_owned(), user_id: user_id.to_owned() };
        self.access().remove_group_member(by(caller, request)).await.map(|_| ())
    }

    pub async fn role(&self, caller: &LoginResponse, name: &str, words: &[&str]) -> Result<Role, Status> {
        let permissions = words.iter().map(|&word| word.to_owned()).collect();
        let request = CreateRoleRequest { name: name.to_owned(), description: String::new(), permissions };
        Ok(self.access().create_role(by(caller, request)).await?.into_inner().role.unwrap())
    }

    pub async fn bind(
        &self,
        caller: &LoginResponse,
        role: &str,
        subject: Option<Subject>,
        project_id: &str,
    ) -> Result<RoleBinding, Status> {
        let request = CreateRoleBindingRequest { role: role.to_owned(), subject, project_id: project_id.to_owned() };
        Ok(self.access().create_role_binding(by(caller, request)).await?.into_inner().binding.unwrap())
    }

    pub async fn unbind(&self, caller: &LoginResponse, binding_id: &str) -> Result<(), Status> {
        let request = DeleteRoleBindingRequest { binding_id: binding_id.to_owned() };
        self.access().delete_role_binding(by(caller, request)).await.map(|_| ())
    }

    /// The bindings of a subject.
    pub async fn bindings(&self, caller: &LoginResponse, subject_id: &str) -> Vec<RoleBinding> {
        let request = ListRoleBindingsRequest { subject_id: subject_id.to_owned(), ..Default::default() };
        self.access().list_role_bindings(by(caller, request)).await.unwrap().into_inner().bindings
    }

    /// Whether the caller himself may do something on a project.
    pub async fn may(&self, caller: &LoginResponse, permission: &str, project_id: &str) -> bool {
        self.check(caller, permission, project_id, None).await.unwrap()
    }

    pub async fn check(
        &self,
        caller: &LoginResponse,
        permission: &str,
        project_id: &str,
        subject: Option<Subject>,
    ) -> Result<bool, Status> {
        let object_type = if project_id.is_empty() { "" } else { "project" }.to_owned();
        let object_id = project_id.to_owned();
        let request = CheckRequest { permission: permission.to_owned(), object_type, object_id, subject };
        Ok(self.access().check(by(caller, request)).await?.into_inner().allowed)
    }
}

pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), reason(&status))
}

fn too_strong() -> (Code, String) {
    (Code::PermissionDenied, "ROLE_TOO_STRONG".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_made_changed_listed_and_deleted_with_all_they_had() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["member"]).await;
    let group = stack.group(&owner, "Analysts").await;
    stack.join(&owner, &group.id, &id_of(&ada)).await.unwrap();
    stack.join(&owner, &group.id, &id_of(&ada)).await.unwrap();
    let get = GetGroupRequest { group_id: group.id.clone() };
    let shown = stack.access().get_group(by(&owner, get.clone())).await.unwrap().into_inner().group.unwrap();
    assert_eq!((shown.member_ids, shown.version), (vec![id_of(&ada)], 1));

    let again = CreateGroupRequest { name: "ANALYSTS".to_owned(), description: String::new() };
    let taken = refused(stack.access().create_group(by(&owner, again)).await);
    assert_eq!(taken, (Code::AlreadyExists, "GROUP_NAME_TAKEN".to_owned()));
    let change = |version| UpdateGroupRequest {
        group_id: group.id.clone(),
        version: Some(version),
        name: Some("Readers".to_owned()),
        description: None,
    };
    let renamed = stack.access().update_group(by(&owner, change(1))).await.unwrap().into_inner().group.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("Readers", 2));
    assert_eq!(refused(stack.access().update_group(by(&owner, change(1))).await).1, "VERSION_CONFLICT");
    let list = stack.access().list_groups(by(&owner, ListGroupsRequest::default())).await.unwrap().into_inner();
    assert_eq!((list.groups.len(), list.page.unwrap().total), (1, Some(1)));

    stack.bind(&owner, "viewer", subject(SubjectType::Group, &group.id), "").await.unwrap();
    assert!(stack.check(&owner, "project.read", "", user(&id_of(&ada))).await.unwrap());
    let delete = DeleteGroupRequest { group_id: group.id.clone() };
    stack.access().delete_group(by(&owner, delete)).await.unwrap();
    assert!(!stack.check(&owner, "project.read", "", user(&id_of(&ada))).await.unwrap());
    assert!(stack.bindings(&owner, &group.id).await.is_empty());
    assert_eq!(refused(stack.access().get_group(by(&owner, get)).await).1, "GROUP_NOT_FOUND");
    for action in ["group.create", "group.update", "group.delete", "group.add_member", "binding.create"] {
        assert_eq!(stack.events_of(action).await.len(), 1, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_of_the_tenants_own_act_at_once_and_built_in_ones_do_not_change() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.role(&owner, "auditor", &["audit.read"]).await.unwrap();
    let ada = stack.user(&owner, "ada@acme.example", &["auditor", "member"]).await.unwrap();
    assert_eq!(ada.roles, ["member", "auditor"]);
    let may = |word: &'static str| stack.check(&owner, word, "", user(&ada.id));
    assert!(may("audit.read").await.unwrap() && !may("run.read").await.unwrap());

    let update = |name: &str, words: &[&str]| UpdateRoleRequest {
        name: name.to_owned(),
        permissions: words.iter().map(|&word| word.to_owned()).collect(),
        ..Default::default()
    };
    stack.access().update_role(by(&owner, update("auditor", &["run.read"]))).await.unwrap();
    assert!(!may("audit.read").await.unwrap() && may("run.read").await.unwrap());
    let roles = stack.access().list_roles(by(&owner, ListRolesRequest {})).await.unwrap().into_inner().roles;
    let names: Vec<_> = roles.iter().map(|role| (role.name.as_str(), role.built_in)).collect();
    let built_in = ["owner", "admin", "editor", "viewer", "member"].map(|name| (name, true));
    assert_eq!(names, [&built_in[..], &[("auditor", false)]].concat());

    stack.access().delete_role(by(&owner, DeleteRoleRequest { name: "auditor".to_owned() })).await.unwrap();
    assert!(!may("run.read").await.unwrap());
    stack.role(&owner, "auditor", &["audit.read"]).await.unwrap();
    assert!(!may("audit.read").await.unwrap(), "a new role of an old name has no holders");

    let built_in = stack.access().update_role(by(&owner, update("viewer", &["run.read"]))).await;
    assert_eq!(refused(built_in), (Code::FailedPrecondition, "BUILT_IN_ROLE".to_owned()));
    assert_eq!(refused(stack.role(&owner, "owner", &["run.read"]).await).1, "ROLE_NAME_TAKEN");
    assert_eq!(field(&stack.role(&owner, "Bad Name", &["run.read"]).await.unwrap_err()), "name");
    assert_eq!(field(&stack.role(&owner, "fine", &["run.read", "no.such"]).await.unwrap_err()), "permissions[1]");
    let words = stack.access().list_permissions(by(&owner, ListPermissionsRequest {})).await.unwrap().into_inner();
    assert!(words.permissions.iter().any(|word| word.name == "grant.manage" && !word.description.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gives_takes_or_joins_what_he_does_not_have() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.role(&owner, "gatekeeper", &["access.manage", "access.read", "user.read"]).await.unwrap();
    stack.role(&owner, "runner", &["workflow.execute"]).await.unwrap();
    let keeper = stack.person(&owner, "keeper", &["gatekeeper"]).await;
    let admin = stack.person(&owner, "admin", &["admin"]).await;
    let strong = stack.group(&owner, "strong").await;
    let group = || subject(SubjectType::Group, &strong.id);
    let held = stack.bind(&owner, "runner", group(), "").await.unwrap();

    let own = user(&id_of(&keeper));
    for role in ["runner", "viewer", "admin", "owner"] {
        assert_eq!(refused(stack.bind(&keeper, role, own.clone(), "").await), too_strong(), "{role}");
    }
    assert_eq!(refused(stack.role(&keeper, "more", &["run.read"]).await), too_strong());
    assert_eq!(refused(stack.join(&keeper, &strong.id, &id_of(&keeper)).await), too_strong());
    assert_eq!(refused(stack.unbind(&keeper, &held.id).await), too_strong());
    let more = UpdateRoleRequest {
        name: "gatekeeper".to_owned(),
        permissions: vec!["access.manage".to_owned(), "user.update".to_owned()],
        ..Default::default()
    };
    assert_eq!(refused(stack.access().update_role(by(&keeper, more)).await), too_strong());
    let weaken = DeleteRoleRequest { name: "runner".to_owned() };
    assert_eq!(refused(stack.access().delete_role(by(&keeper, weaken)).await), too_strong());
    assert_eq!(refused(stack.bind(&admin, "owner", user(&id_of(&admin)), "").await), too_strong());
    let ownership = stack.bindings(&owner, &id_of(&owner)).await.remove(0);
    assert_eq!(refused(stack.unbind(&admin, &ownership.id).await), too_strong());

    stack.bind(&keeper, "gatekeeper", user(&id_of(&admin)), "").await.unwrap();
    stack.join(&admin, &strong.id, &id_of(&keeper)).await.unwrap();
    stack.leave(&admin, &strong.id, &id_of(&keeper)).await.unwrap();
    assert_eq!(refused(stack.leave(&admin, &strong.id, &id_of(&keeper)).await).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owners_role_is_for_users_in_the_whole_tenant() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let group = stack.group(&owner, "g").await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let by_group = stack.bind(&owner, "owner", subject(SubjectType::Group, &group.id), "").await;
    let in_project = stack.bind(&owner, "owner", user(&id_of(&owner)), &project).await;
    for answer in [by_group, in_project] {
        assert_eq!(field(&answer.unwrap_err()), "role");
    }
    let again = stack.bind(&owner, "owner", user(&id_of(&owner)), "").await;
    assert_eq!(refused(again), (Code::AlreadyExists, "BINDING_EXISTS".to_owned()));
    let nobody = stack.bind(&owner, "viewer", user(&trinity_ids::UserId::new().to_string()), "").await;
    assert_eq!(refused(nobody), (Code::NotFound, "USER_NOT_FOUND".to_owned()));
    let nowhere = trinity_ids::ProjectId::new().to_string();
    let nowhere = stack.bind(&owner, "viewer", user(&id_of(&owner)), &nowhere).await;
    assert_eq!(refused(nowhere), (Code::NotFound, "PROJECT_NOT_FOUND".to_owned()));
    assert_eq!(field(&stack.bind(&owner, "god", user(&id_of(&owner)), "").await.unwrap_err()), "role");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_ways_at_once_to_remove_the_owners_leave_one() {
    let stack = Stack::start().await;
    let first = stack.tenant("acme").await;
    let mut owners = vec![(id_of(&first), stack.bindings(&first, &id_of(&first)).await.remove(0).id)];
    for number in 0..7 {
        let id = stack.user(&first, &format!("o{number}@acme.example"), &["owner"]).await.unwrap().id;
        owners.push((id.clone(), stack.bindings(&first, &id).await.remove(0).id));
    }
    let attempts = (0..50).map(|number| {
        let (stack, first, (user_id, binding_id)) = (&stack, &first, owners[number % owners.len()].clone());
        let change = UpdateUserRequest { user_id, ..Default::default() };
        async move {
            match number % 3 {
                0 => stack.unbind(first, &binding_id).await,
                1 => stack.update(first, UpdateUserRequest { active: Some(false), ..change }).await.map(|_| ()),
                _ => stack
                    .update(first, UpdateUserRequest { roles: vec!["viewer".to_owned()], ..change })
                    .await
                    .map(|_| ()),
            }
        }
    });
    let answers = join_all(attempts).await;
    let known = ["LAST_OWNER", "BINDING_NOT_FOUND", "UNAUTHENTICATED", "PERMISSION_DENIED", "ROLE_TOO_STRONG"];
    let reasons: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).map(reason).collect();
    assert!(reasons.iter().all(|reason| known.contains(&reason.as_str())), "{reasons:?}");
    let left: i64 = sqlx::query_scalar(
        "SELECT count(DISTINCT u.id)
        FROM identity.users AS u
        JOIN identity.bindings AS b ON b.subject_id = u.id
        WHERE u.active AND b.role = 'owner'",
    )
    .fetch_one(&mut stack.db.admin().await)
    .await
    .unwrap();
    assert!(left >= 1, "{left} owners are left");
    assert!(left == 1 || !reasons.contains(&"LAST_OWNER".to_owned()), "{left} owners are left after {reasons:?}");
}
