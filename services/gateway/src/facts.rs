//! What is known about a request before anything is done with it, and what of it goes on to the services.

use std::cell::Cell;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::{AUTHORIZATION, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use crate::envelope::Refusal;

/// The header that names a request, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const CLIENT_IP: HeaderName = HeaderName::from_static("x-client-ip");
const CLIENT_HOST: HeaderName = HeaderName::from_static("x-host");
const CLIENT_PROGRAM: HeaderName = HeaderName::from_static("x-user-agent");
const LONGEST_REQUEST_ID: usize = 128;

/// Where a connection comes from; put into each request by the server.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// One request's facts.
#[derive(Debug, Clone)]
pub struct Facts {
    pub started: Instant,
    pub request_id: HeaderValue,
    pub traceparent: HeaderValue,
    /// The client's address, and the same as a header.
    pub address: Option<IpAddr>,
    pub client_ip: HeaderValue,
    pub host: Option<HeaderValue>,
    pub user_agent: Option<HeaderValue>,
    pub authorization: Option<HeaderValue>,
    /// Whether the client wants its change refused when its version is stale.
    pub has_if_match: bool,
    /// What the client allows, if less than the policy.
    pub timeout: Option<HeaderValue>,
}

impl Facts {
    /// Reads the facts off a request's head.
    #[must_use]
    pub fn new(parts: &Parts, trusted_proxies: usize) -> Self {
        let headers = &parts.headers;
        let address = address(parts, trusted_proxies);
        Self {
            started: Instant::now(),
            request_id: headers.get(REQUEST_ID).filter(|id| is_sane_id(id)).cloned().unwrap_or_else(new_request_id),
            traceparent: headers.get(TRACE_PARENT).filter(|v| is_traceparent(v)).cloned().unwrap_or_else(new_trace),
            address,
            client_ip: client_ip(address),
            host: host(parts),
            user_agent: headers.get(USER_AGENT).cloned(),
            authorization: headers.get(AUTHORIZATION).cloned(),
            has_if_match: headers.get(http::header::IF_MATCH).is_some_and(|value| value != "*"),
            timeout: headers.get(REQUEST_TIMEOUT).cloned(),
        }
    }

    /// The request id as text.
    #[must_use]
    pub fn id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// The bearer token, if any.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.authorization.as_ref()?.to_str().ok()?.strip_prefix("Bearer ")
    }

    /// What the services are told. Nothing else of the client's headers goes on, so none of these can be forged.
    #[must_use]
    pub fn metadata(&self) -> MetadataMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(REQUEST_ID, self.request_id.clone());
        headers.insert(TRACE_PARENT, self.traceparent.clone());
        headers.insert(CLIENT_IP, self.client_ip.clone());
        let optional =
            [(CLIENT_HOST, &self.host), (CLIENT_PROGRAM, &self.user_agent), (AUTHORIZATION, &self.authorization)];
        for (name, value) in optional {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        MetadataMap::from_headers(headers)
    }

    /// The deadline of the call: the policy's, or the client's when it is shorter.
    ///
    /// # Errors
    /// The client's is not a positive number.
    pub fn deadline(&self, policy: Option<Duration>) -> Result<Option<Duration>, Refusal> {
        let Some(asked) = &self.timeout else { return Ok(policy) };
        let millis = asked.to_str().ok().and_then(|text| text.parse::<u64>().ok()).filter(|millis| *millis > 0);
        let Some(millis) = millis else {
            return Err(Refusal::invalid_header("X-Request-Timeout-Ms", "must be a positive number of milliseconds"));
        };
        let asked = Duration::from_millis(millis);
        Ok(Some(policy.map_or(asked, |policy| policy.min(asked))))
    }
}

fn is_sane_id(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=LONGEST_REQUEST_ID).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

fn new_request_id() -> HeaderValue {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&random().to_le_bytes());
    bytes[8..].copy_from_slice(&random().to_le_bytes()[..2]);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or_default(), &bytes).into_uuid();
    let mut buffer = Uuid::encode_buffer();
    let text: &str = id.hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// Source: <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn is_traceparent(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    bytes.len() == 55
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            2 | 35 | 52 => *byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        })
}

fn new_trace() -> HeaderValue {
    let mut text = String::with_capacity(55);
    // Why no error: a string takes everything. Why `| 1`: an id of nothing but zeros is none.
    let _ = write!(text, "00-{:016x}{:016x}-{:016x}-01", random(), random() | 1, random() | 1);
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A number for ids that need not be secret. Why not the system's: it costs a system call, three times a request.
///
/// Source: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
fn random() -> u64 {
    thread_local! {
        // Invariant: the keys of a `RandomState` differ by thread and process.
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::process::id()));
    }
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The address that the last proxy we trust saw: everything to its left, anyone may have written.
fn address(parts: &Parts, trusted_proxies: usize) -> Option<IpAddr> {
    let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip());
    let forwarded = (trusted_proxies > 0).then(|| forwarded_for(&parts.headers, trusted_proxies)).flatten();
    forwarded.or(peer).map(|ip| ip.to_canonical())
}

fn client_ip(address: Option<IpAddr>) -> HeaderValue {
    address
        .and_then(|ip| HeaderValue::try_from(ip.to_string()).ok())
        .unwrap_or_else(|| HeaderValue::from_static("unknown"))
}

fn forwarded_for(headers: &HeaderMap, trusted_proxies: usize) -> Option<IpAddr> {
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    hops.get(hops.len().checked_sub(trusted_proxies)?)?.parse().ok()
}

/// The host that the client asked for, without its port.
fn host(parts: &Parts) -> Option<HeaderValue> {
    let text = match parts.headers.get(HOST) {
        Some(host) => host.to_str().ok()?,
        None => parts.uri.authority()?.as_str(),
    };
    let end = if text.starts_with('[') { text.find(']').map(|end| end + 1) } else { text.find(':') };
    HeaderValue::from_str(&text[..end.unwrap_or(text.len())]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(headers: &[(&'static str, &str)], trusted: usize) -> Facts {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(PeerAddress("10.0.0.9:1".parse().unwrap()));
        Facts::new(&parts, trusted)
    }

    #[test]
    fn request_ids_are_kept_when_sane() {
        assert_eq!(facts(&[("x-request-id", "abc-1.2_3:4")], 0).id(), "abc-1.2_3:4");
        for odd in ["", "a b", "é", &"x".repeat(129)] {
            assert_eq!(Uuid::parse_str(facts(&[("x-request-id", odd)], 0).id()).unwrap().get_version_num(), 7, "{odd}");
        }
    }

    #[test]
    fn requests_get_ids_and_traces_of_their_own() {
        let (one, other) = (facts(&[], 0), facts(&[], 0));
        assert_ne!(one.id(), other.id());
        assert!(one.id() <= other.id() || one.id()[..13] == other.id()[..13], "ids sort by time");
        assert!(is_traceparent(&one.traceparent) && one.traceparent != other.traceparent);
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let header = ("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.1");
        assert_eq!(facts(&[header], 0).client_ip, "10.0.0.9");
        assert_eq!(facts(&[header], 1).client_ip, "10.0.0.1");
        assert_eq!(facts(&[header], 2).client_ip, "1.2.3.4");
        assert_eq!(facts(&[header], 4).client_ip, "10.0.0.9");
        assert_eq!(facts(&[("x-forwarded-for", "nonsense")], 1).client_ip, "10.0.0.9");
    }

    #[test]
    fn hosts_lose_their_port() {
        for (sent, seen) in
            [("acme.example:8080", "acme.example"), ("acme.example", "acme.example"), ("[::1]:80", "[::1]")]
        {
            assert_eq!(facts(&[("host", sent)], 0).host.unwrap(), seen);
        }
    }

    #[test]
    fn a_client_can_only_shorten_the_deadline() {
        let deadline =
            |asked: &str| facts(&[("x-request-timeout-ms", asked)], 0).deadline(Some(Duration::from_secs(10)));
        assert_eq!(deadline("50").unwrap(), Some(Duration::from_millis(50)));
        assert_eq!(deadline("60000").unwrap(), Some(Duration::from_secs(10)));
        assert!(deadline("0").is_err() && deadline("soon").is_err());
    }

    #[test]
    fn forged_internal_headers_do_not_go_on() {
        let metadata =
            facts(&[("x-client-ip", "6.6.6.6"), ("x-host", "other"), ("x-user-agent", "forged")], 0).metadata();
        assert_eq!(metadata.get("x-client-ip").unwrap(), "10.0.0.9");
        assert!(metadata.get("x-host").is_none() && metadata.get("x-user-agent").is_none());
    }
}
