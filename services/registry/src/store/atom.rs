//! The tables `atoms` and `atom_versions`.

use sqlx::{FromRow, PgConnection};
use trinity_catalog::AtomSpec;
use trinity_db::{Page, PageRequest};
use trinity_error::Result;

/// Serializes the seeding of replicas that start at once.
const SEED_LOCK: i64 = 0x7472_696e_6974_7903;

/// A version as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Version {
    pub atom: String,
    pub version: String,
    pub config_schema: String,
    pub example: String,
    pub min_inputs: i32,
    pub max_inputs: i32,
    pub outputs: Vec<String>,
    pub passthrough: bool,
    pub active: bool,
}

/// An atom in its newest active version.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Atom {
    pub slug: String,
    pub name: String,
    pub category: String,
    pub description: String,
    #[sqlx(flatten)]
    pub latest: Version,
}

/// What of the catalogue is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub slug: Option<String>,
    pub category: Option<String>,
    /// Lower-case words, each of which must be found.
    pub words: Vec<String>,
}

macro_rules! version_columns {
    () => {
        "v.atom, v.version, v.config_schema::text AS config_schema, v.example::text AS example, v.min_inputs, v.max_inputs, \
         v.outputs, v.passthrough, v.active"
    };
}

/// Atoms with an active version that pass a filter: `$1` slug, `$2` category, `$3` words.
macro_rules! matching_atoms {
    () => {
        "FROM atoms AS a
        CROSS JOIN LATERAL (
            SELECT *
            FROM atom_versions
            WHERE atom = a.slug AND active
            ORDER BY string_to_array(version, '.')::int[] DESC
            LIMIT 1
        ) AS v
        WHERE ($1::text IS NULL OR a.slug = $1)
            AND ($2::text IS NULL OR a.category = $2)
            AND NOT EXISTS (
                SELECT
                FROM UNNEST($3::text[]) AS word
                WHERE position(word IN lower(concat_ws(' ', a.slug, a.name, a.description))) = 0
            )"
    };
}

/// Lists atoms by category and name.
pub(crate) async fn list(tx: &mut PgConnection, filter: &Filter, request: PageRequest) -> Result<Page<Atom>> {
    let total: i64 = sqlx::query_scalar(concat!("SELECT count(*) ", matching_atoms!()))
        .bind(&filter.slug)
        .bind(&filter.category)
        .bind(&filter.words)
        .fetch_one(&mut *tx)
        .await?;
    let items = sqlx::query_as(concat!(
        "SELECT a.slug, a.name, a.category, a.description, ",
        version_columns!(),
        " ",
        matching_atoms!(),
        "
        ORDER BY a.category, a.name, a.slug
        LIMIT $4 OFFSET $5"
    ))
    .bind(&filter.slug)
    .bind(&filter.category)
    .bind(&filter.words)
    .bind(request.limit())
    .bind(request.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items, request, total: total.unsigned_abs() })
}

/// Lists the versions of one atom, newest first.
pub(crate) async fn list_versions(tx: &mut PgConnection, slug: &str) -> Result<Vec<Version>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        version_columns!(),
        " FROM atom_versions AS v WHERE v.atom = $1 ORDER BY string_to_array(v.version, '.')::int[] DESC"
    ))
    .bind(slug)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Lists every active version of every atom.
pub(crate) async fn list_active_versions(tx: &mut PgConnection) -> Result<Vec<Version>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        version_columns!(),
        " FROM atom_versions AS v WHERE v.active ORDER BY v.atom, string_to_array(v.version, '.')::int[] DESC"
    ))
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Adds atoms and versions that are missing, and brings names and descriptions up to date. Versions that are there stay
/// as they are; all of them are returned.
pub(crate) async fn seed(tx: &mut PgConnection, specs: &[&AtomSpec]) -> Result<Vec<Version>> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SEED_LOCK).execute(&mut *tx).await?;
    for spec in specs {
        sqlx::query(
            "INSERT INTO atoms (slug, name, category, description)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (slug) DO UPDATE
            SET name = excluded.name, category = excluded.category, description = excluded.description
            WHERE (atoms.name, atoms.category, atoms.description)
                IS DISTINCT FROM (excluded.name, excluded.category, excluded.description)",
        )
        .bind(&spec.slug)
        .bind(&spec.name)
        .bind(&spec.category)
        .bind(&spec.description)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO atom_versions
                (atom, version, config_schema, example, min_inputs, max_inputs, outputs, passthrough)
            VALUES ($1, $2, $3::json, $4::json, $5, $6, $7, $8)
            ON CONFLICT (atom, version) DO NOTHING",
        )
        .bind(&spec.slug)
        .bind(&spec.version)
        .bind(&spec.config_schema)
        .bind(&spec.example)
        .bind(i32::try_from(spec.min_inputs).unwrap_or(i32::MAX))
        .bind(i32::try_from(spec.max_inputs).unwrap_or(i32::MAX))
        .bind(&spec.outputs)
        .bind(spec.passthrough)
        .execute(&mut *tx)
        .await?;
    }
    let rows = sqlx::query_as(concat!("SELECT ", version_columns!(), " FROM atom_versions AS v")).fetch_all(tx).await?;
    Ok(rows)
}
