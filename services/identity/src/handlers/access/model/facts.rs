//! The facts, one by one, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use trinity_access::{Level, Object, ObjectKind, Path, Permissions};
use trinity_ids::{BindingId, GrantId, GroupId, SessionId, UserId};
use uuid::Uuid;

/// Numbers that follow from a seed alone.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        // Source: Marsaglia, "Xorshift RNGs", 2003.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    pub(super) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    pub(super) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) session: SessionId,
    pub(super) active: bool,
    pub(super) signed_in: bool,
}

pub(super) struct Thing {
    pub(super) object: Object,
    /// Whose it is; nobody's for folders.
    pub(super) owner: Option<UserId>,
    /// Its place among the things; none for projects.
    pub(super) parent: Option<usize>,
}

impl Thing {
    /// The path of a project.
    fn alone(&self) -> Path {
        Path::project(self.object.id, self.owner.expect("a project is somebody's"))
    }
}

pub(super) struct Given {
    pub(super) id: BindingId,
    pub(super) subject: Uuid,
    pub(super) role: String,
    pub(super) project: Option<Uuid>,
}

pub(super) struct Sharing {
    pub(super) id: GrantId,
    pub(super) subject: Uuid,
    pub(super) object: Object,
    pub(super) level: Level,
    pub(super) starts_at: Option<DateTime<Utc>>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// The facts, one by one.
pub(super) struct Model {
    pub(super) people: Vec<Person>,
    pub(super) groups: Vec<(GroupId, BTreeSet<Uuid>)>,
    pub(super) roles: BTreeMap<String, Permissions>,
    pub(super) things: Vec<Thing>,
    pub(super) bindings: Vec<Given>,
    pub(super) grants: Vec<Sharing>,
}

impl Model {
    /// Whether a subject of a binding or grant is the person, or a group of his.
    pub(super) fn is_for(&self, subject: Uuid, person: Uuid) -> bool {
        subject == person || self.groups.iter().any(|(id, members)| id.uuid() == subject && members.contains(&person))
    }

    /// The thing and all that contains it, the innermost first.
    pub(super) fn around(&self, thing: usize) -> Vec<&Thing> {
        let mut around = Vec::new();
        let mut next = Some(thing);
        while let Some(place) = next {
            around.push(&self.things[place]);
            next = self.things[place].parent;
        }
        around
    }

    pub(super) fn path(&self, thing: usize) -> Path {
        let mut around = self.around(thing);
        let project = around.pop().unwrap();
        around
            .into_iter()
            .rev()
            .fold(project.alone(), |path, thing| path.containing(thing.object.kind, thing.object.id, thing.owner))
    }

    /// The thing in its project: all that the service which has it says of where it is.
    pub(super) fn flat_path(&self, thing: usize) -> Path {
        let mut around = self.around(thing);
        let project = around.pop().unwrap().alone();
        around
            .first()
            .map_or(project.clone(), |thing| project.containing(thing.object.kind, thing.object.id, thing.owner))
    }

    pub(super) fn allows(&self, person: &Person, word: &str, thing: Option<usize>, at: DateTime<Utc>) -> bool {
        let around = thing.map(|thing| self.around(thing)).unwrap_or_default();
        let is_around = |object: &dyn Fn(&Object) -> bool| around.iter().any(|thing| object(&thing.object));
        let by_role = self.bindings.iter().any(|given| {
            self.is_for(given.subject, person.id.uuid())
                && self.roles[&given.role].has(word)
                && given.project.is_none_or(|project| {
                    is_around(&|object: &Object| object.kind == ObjectKind::Project && object.id == project)
                })
        });
        let by_grant = self.grants.iter().any(|grant| {
            self.is_for(grant.subject, person.id.uuid())
                && grant.level.permissions().has(word)
                && is_around(&|object: &Object| *object == grant.object)
                && grant.starts_at.is_none_or(|start| start <= at)
                && grant.expires_at.is_none_or(|end| at < end)
        });
        let owned = around.iter().any(|thing| thing.owner == Some(person.id)) && Level::Admin.permissions().has(word);
        by_role || by_grant || owned
    }
}
