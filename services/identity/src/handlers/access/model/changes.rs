//! Changes of one fact, in the model and in the tables.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use trinity_access::{Level, PERMISSIONS, Permissions};
use trinity_ids::UserId;
use uuid::Uuid;

use super::facts::{Given, Sharing};
use super::{OWN_ROLES, Rig};
use crate::domain::{Changes, NewBinding, NewGrant, Subject, SubjectKind};
use crate::store;

impl Rig {
    fn subject(&mut self) -> Subject {
        if self.dice.chance(2) {
            Subject { kind: SubjectKind::User, id: self.dice.pick(&self.model.people).id.uuid() }
        } else {
            Subject { kind: SubjectKind::Group, id: self.dice.pick(&self.model.groups).0.uuid() }
        }
    }

    /// Changes one fact, in the model and in the tables; says what, for a failure's message.
    pub(super) async fn change(&mut self) -> &'static str {
        match self.dice.below(14) {
            0 | 1 => self.add_member().await,
            2 => self.remove_member().await,
            3 | 4 => self.give().await,
            5 => self.take().await,
            6 | 7 => self.share().await,
            8 => self.unshare().await,
            9 => self.expire().await,
            10 => self.redefine().await,
            11 => self.replace_group().await,
            12 => self.come_or_go().await,
            _ => {
                let thing = self.dice.below(self.model.things.len());
                self.relocate(thing);
                "a move"
            }
        }
    }

    async fn add_member(&mut self) -> &'static str {
        let (group, user) = (self.dice.below(self.model.groups.len()), self.dice.pick(&self.model.people).id);
        let (id, members) = &mut self.model.groups[group];
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        let added = store::group::add_member(&mut tx, self.tenant, *id, user).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(added, members.insert(user.uuid()));
        "a member added"
    }

    async fn remove_member(&mut self) -> &'static str {
        let (group, user) = (self.dice.below(self.model.groups.len()), self.dice.pick(&self.model.people).id);
        let (id, members) = &mut self.model.groups[group];
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        let removed = store::group::remove_member(&mut tx, self.tenant, *id, user).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(removed, members.remove(&user.uuid()));
        "a member removed"
    }

    async fn give(&mut self) -> &'static str {
        let subject = self.subject();
        let names: Vec<String> = self.model.roles.keys().filter(|name| *name != "owner").cloned().collect();
        let role = self.dice.pick(&names).clone();
        let project = (!self.dice.chance(3)).then(|| self.model.things[self.dice.below(4)].object.id);
        let held = |given: &Given| given.subject == subject.id && given.role == role && given.project == project;
        if self.model.bindings.iter().any(held) || self.model.bindings.len() > 20 {
            return self.take().await;
        }
        let new = NewBinding { role: role.clone(), subject, project: project.map(Into::into) };
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        let binding = store::binding::insert(&mut tx, self.tenant, &new, None).await.unwrap();
        tx.commit().await.unwrap();
        self.model.bindings.push(Given { id: binding.id, subject: subject.id, role, project });
        "a role given"
    }

    async fn take(&mut self) -> &'static str {
        if self.model.bindings.is_empty() {
            return "nothing";
        }
        let place = self.dice.below(self.model.bindings.len());
        let given = self.model.bindings.swap_remove(place);
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        store::binding::delete(&mut tx, self.tenant, given.id).await.unwrap();
        tx.commit().await.unwrap();
        "a role taken"
    }

    async fn share(&mut self) -> &'static str {
        let subject = self.subject();
        let object = self.dice.pick(&self.model.things).object;
        let level = *self.dice.pick(&[Level::View, Level::Edit, Level::Admin]);
        let now = Utc::now();
        let starts_at = self.dice.chance(3).then(|| now + TimeDelta::minutes(*self.dice.pick(&[-30, 30])));
        let expires_at = self.dice.chance(2).then(|| now + TimeDelta::minutes(60));
        let new = NewGrant { object, subject, level, starts_at, expires_at };
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        let grant = store::grant::put(&mut tx, self.tenant, &new, UserId::new()).await.unwrap();
        tx.commit().await.unwrap();
        self.model.grants.retain(|known| known.subject != subject.id || known.object != object);
        self.model.grants.push(Sharing { id: grant.id, subject: subject.id, object, level, starts_at, expires_at });
        "an object shared"
    }

    async fn unshare(&mut self) -> &'static str {
        if self.model.grants.is_empty() {
            return "nothing";
        }
        let place = self.dice.below(self.model.grants.len());
        let grant = self.model.grants.swap_remove(place);
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        assert!(store::grant::delete(&mut tx, self.tenant, grant.id).await.unwrap());
        tx.commit().await.unwrap();
        "a grant taken back"
    }

    async fn expire(&mut self) -> &'static str {
        if self.model.grants.is_empty() {
            return "nothing";
        }
        let place = self.dice.below(self.model.grants.len());
        let grant = &mut self.model.grants[place];
        let end = Utc::now() - TimeDelta::seconds(1);
        grant.starts_at = None;
        grant.expires_at = Some(end);
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        sqlx::query("UPDATE grants SET starts_at = NULL, expires_at = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(self.tenant)
            .bind(grant.id)
            .bind(end)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        "a grant expired"
    }

    async fn redefine(&mut self) -> &'static str {
        let name = *self.dice.pick(&OWN_ROLES);
        let permissions = Permissions::of(PERMISSIONS.iter().map(|word| word.name).filter(|_| self.dice.chance(5)));
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        store::role::update(&mut tx, self.tenant, name, None, Some(permissions)).await.unwrap();
        tx.commit().await.unwrap();
        self.model.roles.insert(name.to_owned(), permissions);
        "a role redefined"
    }

    async fn replace_group(&mut self) -> &'static str {
        let place = self.dice.below(self.model.groups.len());
        let gone = self.model.groups[place].0;
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        store::group::delete(&mut tx, self.tenant, gone).await.unwrap();
        let group = store::group::insert(&mut tx, self.tenant, &format!("g{}", Uuid::new_v4()), "").await.unwrap();
        tx.commit().await.unwrap();
        self.model.groups[place] = (group.id, BTreeSet::new());
        self.model.bindings.retain(|given| given.subject != gone.uuid());
        self.model.grants.retain(|grant| grant.subject != gone.uuid());
        "a group replaced"
    }

    /// Somebody is made inactive or active again, or signs out, or in.
    async fn come_or_go(&mut self) -> &'static str {
        let place = self.dice.below(self.model.people.len());
        let person = &mut self.model.people[place];
        if !person.signed_in {
            self.sign_in(place).await;
            return "a sign-in";
        }
        let mut tx = self.db.begin(&self.ctx).await.unwrap();
        let said = if person.active && self.dice.chance(2) {
            person.signed_in = false;
            store::session::revoke(&mut tx, self.tenant, person.id, person.session).await.unwrap();
            "a sign-out"
        } else {
            person.active = !person.active;
            let changes = Changes { active: Some(person.active), ..Changes::default() };
            store::user::update(&mut tx, self.tenant, person.id, &changes).await.unwrap();
            "a coming or going"
        };
        tx.commit().await.unwrap();
        said
    }
}
