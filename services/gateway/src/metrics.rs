//! How many requests each route answered, how, and how fast. A request allocates nothing for it.

use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;
use metrics::Histogram;

use crate::routes::Table;

/// Seconds from a request's head to its response's head, by route and status class.
const SECONDS: &str = "trinity_http_seconds";
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// One histogram per route and status class, registered when it is first needed.
pub struct RouteMetrics {
    routes: Vec<Route>,
    elsewhere: Route,
}

struct Route {
    name: String,
    classes: [OnceLock<Histogram>; 5],
}

impl RouteMetrics {
    /// Makes room for every route.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "HTTP requests by route and status class");
        Self {
            routes: table.endpoints.iter().map(|endpoint| Route::new(&endpoint.name)).collect(),
            elsewhere: Route::new("none"),
        }
    }

    /// Counts one request; `place` is its endpoint, if it has one.
    pub fn record(&self, place: Option<usize>, status: StatusCode, elapsed: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let route = place.map_or(&self.elsewhere, |place| &self.routes[place]);
        let histogram = route.classes[class]
            .get_or_init(|| metrics::histogram!(SECONDS, "route" => route.name.clone(), "status" => CLASSES[class]));
        histogram.record(elapsed.as_secs_f64());
    }
}

impl Route {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), classes: Default::default() }
    }
}
