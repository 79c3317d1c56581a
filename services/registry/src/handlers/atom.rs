//! The catalogue of atoms.

use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result};
use trinity_proto::registry as pb;

use crate::app::App;
use crate::convert::page_info;
use crate::domain::text;
use crate::store;
use crate::store::atom::Filter;

/// More words than a search by people has.
const MAX_SEARCH_WORDS: usize = 20;

/// Lists atoms by category and name.
///
/// # Errors
/// `InvalidArgument` bad paging or search.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListAtomsRequest,
) -> Result<pb::ListAtomsResponse> {
    let category = text::plain("category", request.category)?;
    let search = text::plain("search", request.search)?.to_lowercase();
    let query = ["atoms", &category, &search];
    let asked = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let filter = Filter {
        category: Some(category).filter(|category| !category.is_empty()),
        words: search.split_whitespace().take(MAX_SEARCH_WORDS).map(str::to_owned).collect(),
        ..Filter::default()
    };
    let mut tx = app.db.begin(ctx).await?;
    let page = store::atom::list(&mut tx, &filter, asked).await?;
    let info = page_info(&page);
    Ok(pb::ListAtomsResponse { atoms: page.items.into_iter().map(Into::into).collect(), page: Some(info) })
}

/// Shows an atom in its newest active version.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn get(app: &App, ctx: &RequestContext, request: pb::GetAtomRequest) -> Result<pb::GetAtomResponse> {
    let filter = Filter { slug: Some(slug(request.slug)?), ..Filter::default() };
    let mut tx = app.db.begin(ctx).await?;
    let found = store::atom::list(&mut tx, &filter, PageRequest::first(1)).await?;
    let atom = found.items.into_iter().next().ok_or_else(|| Error::not_found("atom"))?;
    Ok(pb::GetAtomResponse { atom: Some(atom.into()) })
}

/// Lists an atom's versions, newest first.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn list_versions(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListAtomVersionsRequest,
) -> Result<pb::ListAtomVersionsResponse> {
    let slug = slug(request.slug)?;
    let mut tx = app.db.begin(ctx).await?;
    let versions = store::atom::list_versions(&mut tx, &slug).await?;
    if versions.is_empty() {
        return Err(Error::not_found("atom"));
    }
    Ok(pb::ListAtomVersionsResponse { versions: versions.into_iter().map(Into::into).collect() })
}

/// Lists every active version of every atom.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn catalog(app: &App) -> Result<pb::GetCatalogResponse> {
    let mut tx = app.db.begin_system("catalog").await?;
    let versions = store::atom::list_active_versions(&mut tx).await?;
    Ok(pb::GetCatalogResponse { versions: versions.into_iter().map(Into::into).collect() })
}

fn slug(slug: String) -> Result<String> {
    if slug.is_empty() { Err(Error::required("slug")) } else { text::plain("slug", slug) }
}
