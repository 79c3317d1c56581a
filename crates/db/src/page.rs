//! Paging of lists: `page` and `per_page`, or an opaque `page_token`.

use trinity_error::{Error, Result};

const DEFAULT_PER_PAGE: u32 = 20;
const MAX_PER_PAGE: u32 = 200;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1.
    pub page: u32,
    /// 1 to 200.
    pub per_page: u32,
}

impl PageRequest {
    /// Reads the three fields of a list request; zero and empty mean "not given". The token of a numbered list is the
    /// number of the next page.
    ///
    /// # Errors
    /// `InvalidArgument` naming the field.
    pub fn parse(page: u32, per_page: u32, page_token: &str) -> Result<Self> {
        let per_page = per_page_of(per_page)?;
        let page = match (page, page_token) {
            (page, "") => page.max(1),
            (0, token) => token
                .parse()
                .ok()
                .filter(|page| *page > 0)
                .ok_or_else(|| Error::invalid("page_token", "is not a token of this list"))?,
            _ => return Err(Error::invalid("page_token", "cannot stand beside page")),
        };
        Ok(Self { page, per_page })
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
        if self.request.page < self.total_pages() { (self.request.page + 1).to_string() } else { String::new() }
    }
}
