//! Paging of lists: `page` and `per_page`, or an opaque `page_token` that holds in one list only.

use sha2::{Digest, Sha256};
use trinity_context::RequestContext;
use trinity_error::{Error, Result};

const DEFAULT_PER_PAGE: u32 = 20;
const MAX_PER_PAGE: u32 = 200;

/// The list that a page token belongs to: the tenant's, of one kind, with one filter.
///
/// A token carries a digest of it, so that one of another tenant or another query is refused instead of answering the
/// wrong part of the wrong list. It is no secret and gives no right: a list shows what its reader may see, wherever
/// he begins to read. Numbered lists use it through [`PageRequest::parse`], lists that go by key directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u64);

impl Scope {
    /// The list `query` in the caller's tenant: what it lists first, such as `projects`, then every filter in its place.
    #[must_use]
    pub fn new(ctx: &RequestContext, query: &[&str]) -> Self {
        let tenant = ctx.tenant().map(String::from).unwrap_or_default();
        let mut digest = Sha256::new();
        for part in std::iter::once(tenant.as_str()).chain(query.iter().copied()) {
            // Why the length: "ab", "c" and "a", "bc" are different filters.
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let bytes = digest.finalize();
        Self(bytes.iter().take(8).fold(0, |seal, &byte| seal << 8 | u64::from(byte)))
    }

    /// The token of a place in this list.
    #[must_use]
    pub fn token(self, position: &str) -> String {
        format!("{position}.{:016x}", self.0)
    }

    /// The place that a token of this list names.
    ///
    /// # Errors
    /// `InvalidArgument` naming `page_token` when it is not one of this list.
    pub fn position(self, token: &str) -> Result<&str> {
        match token.rsplit_once('.') {
            Some((position, _)) if self.token(position) == token => Ok(position),
            _ => Err(foreign()),
        }
    }
}

fn foreign() -> Error {
    Error::invalid("page_token", "is not a token of this list")
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1.
    pub page: u32,
    /// 1 to 200.
    pub per_page: u32,
    /// What the token of the next page is bound to.
    scope: Scope,
}

impl PageRequest {
    /// The first `per_page` rows, for a caller who does not go on.
    #[must_use]
    pub const fn first(per_page: u32) -> Self {
        Self { page: 1, per_page, scope: Scope(0) }
    }

    /// Reads the three fields of a list request; zero and empty mean "not given". A token holds in the list `query` of the
    /// caller's tenant only (see [`Scope::new`]). It remembers `per_page`, which need not be sent again and cannot change
    /// on the way.
    ///
    /// # Errors
    /// `InvalidArgument` naming the field.
    pub fn parse(ctx: &RequestContext, query: &[&str], page: u32, per_page: u32, page_token: &str) -> Result<Self> {
        let scope = Scope::new(ctx, query);
        let asked = per_page_of(per_page)?;
        let (page, per_page) = match (page, page_token) {
            (page, "") => (page.max(1), asked),
            (0, token) => {
                let (page, remembered) = scope.position(token)?.split_once('-').ok_or_else(foreign)?;
                let remembered = number(remembered)?;
                if per_page != 0 && per_page != remembered {
                    return Err(foreign());
                }
                (number(page)?, per_page_of(remembered)?)
            }
            _ => return Err(beside_page()),
        };
        Ok(Self { page, per_page, scope })
    }

    /// SQL's `LIMIT`.
    #[must_use]
    pub fn limit(self) -> i64 {
        i64::from(self.per_page)
    }

    /// SQL's `OFFSET`.
    #[must_use]
    pub fn offset(self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.per_page)
    }

    fn token_of(self, page: u32) -> String {
        self.scope.token(&format!("{page}-{}", self.per_page))
    }
}

fn number(text: &str) -> Result<u32> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(foreign)
}

fn beside_page() -> Error {
    Error::invalid("page_token", "cannot stand beside page")
}

/// Checks `per_page` alone, for lists that go by key.
///
/// # Errors
/// `InvalidArgument` when it is above 200.
pub fn per_page_of(per_page: u32) -> Result<u32> {
    match per_page {
        0 => Ok(DEFAULT_PER_PAGE),
        1..=MAX_PER_PAGE => Ok(per_page),
        _ => Err(Error::invalid("per_page", format!("is at most {MAX_PER_PAGE}"))),
    }
}

/// One part of a numbered list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where they stand.
    pub request: PageRequest,
    /// How many rows the whole list has.
    pub total: u64,
}

impl<T> Page<T> {
    /// How many pages there are.
    #[must_use]
    pub fn total_pages(&self) -> u32 {
        u32::try_from(self.total.div_ceil(u64::from(self.request.per_page))).unwrap_or(u32::MAX)
    }

    /// The token of the next page; empty on the last.
    #[must_use]
    pub fn next_page_token(&self) -> String {
        if self.request.page < self.total_pages() {
            self.request.token_of(self.request.page + 1)
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use trinity_context::Caller;
    use trinity_ids::{SessionId, TenantId, UserId};

    use super::*;

    fn caller(tenant: TenantId) -> RequestContext {
        RequestContext::new(Caller::User { tenant, user: UserId::new(), session: SessionId::new() })
    }

    fn next_token(ctx: &RequestContext, query: &[&str], per_page: u32) -> String {
        let request = PageRequest::parse(ctx, query, 0, per_page, "").unwrap();
        Page { items: vec![()], request, total: 1000 }.next_page_token()
    }

    #[test]
    fn a_token_leads_on_in_its_own_list() {
        let ctx = caller(TenantId::new());
        let token = next_token(&ctx, &["projects", "eda"], 7);
        for per_page in [0, 7] {
            let next = PageRequest::parse(&ctx, &["projects", "eda"], 0, per_page, &token).unwrap();
            assert_eq!((next.page, next.per_page, next.offset()), (2, 7, 7));
        }
    }

    #[test]
    fn a_token_of_another_tenant_or_query_is_refused() {
        let (tenant, ctx) = (TenantId::new(), caller(TenantId::new()));
        let token = next_token(&ctx, &["projects", "eda", ""], 7);
        let tampered = token.replace("2-7", "3-7");
        let refused = [
            PageRequest::parse(&caller(tenant), &["projects", "eda", ""], 0, 7, &token),
            PageRequest::parse(&ctx, &["projects", "ed", "a"], 0, 7, &token),
            PageRequest::parse(&ctx, &["datasets", "eda", ""], 0, 7, &token),
            PageRequest::parse(&ctx, &["projects", "eda", ""], 0, 8, &token),
            PageRequest::parse(&ctx, &["projects", "eda", ""], 1, 7, &token),
            PageRequest::parse(&ctx, &["projects", "eda", ""], 0, 7, "2"),
            PageRequest::parse(&ctx, &["projects", "eda", ""], 0, 7, &format!("{token}0")),
        ];
        for outcome in refused {
            assert_eq!(outcome.unwrap_err().violations()[0].field, "page_token");
        }
        // A token says where to begin, not what may be seen: another place in the same list is no harm.
        let elsewhere = PageRequest::parse(&ctx, &["projects", "eda", ""], 0, 7, &tampered).unwrap();
        assert_eq!(elsewhere.page, 3);
        for odd in ["0-7", "2-0", "2-201", "x-7", "2", "4294967296-7"] {
            let sealed = Scope::new(&ctx, &["projects", "eda", ""]).token(odd);
            assert!(PageRequest::parse(&ctx, &["projects", "eda", ""], 0, 0, &sealed).is_err(), "{odd}");
        }
    }

    #[test]
    fn lists_by_key_bind_their_tokens_too() {
        let (mine, theirs) = (caller(TenantId::new()), caller(TenantId::new()));
        let scope = Scope::new(&mine, &["runs"]);
        assert_eq!(scope.position(&scope.token("a.b")).unwrap(), "a.b");
        assert!(Scope::new(&theirs, &["runs"]).position(&scope.token("a.b")).is_err());
    }
}
