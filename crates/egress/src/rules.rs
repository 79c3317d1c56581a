//! Which addresses may be called. Pure: names and addresses in, yes or no out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::Error;

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// Source: IANA IPv4 Special-Purpose Address Registry; class D and E; the one public address at which a cloud serves its
/// virtual machines (Azure, "What is IP address 168.63.129.16?").
const FORBIDDEN_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// All that is given to hosts of the public internet; the rest of IPv6 is refused.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
/// Source: IANA IPv6 Special-Purpose Address Registry: protocol assignments (with Teredo), documentation, and 6to4, which
/// hides an IPv4 address.
const FORBIDDEN_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];
/// Source: RFC 6052: the IPv4 address in the last four bytes is the one that is reached.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// What passes besides public addresses.
#[derive(Debug, Default)]
pub struct Rules {
    hosts: Vec<String>,
    ranges: Vec<IpNet>,
}

impl Rules {
    /// Reads host names, addresses and address ranges.
    pub fn parse(allow: &[impl AsRef<str>]) -> Result<Self, Error> {
        let mut rules = Self::default();
        for entry in allow {
            let entry = entry.as_ref().trim();
            if let Ok(range) = entry.parse::<IpNet>() {
                rules.ranges.push(range);
            } else if let Ok(address) = entry.parse::<IpAddr>() {
                rules.ranges.push(address.into());
            } else if is_host_name(entry) {
                rules.hosts.push(entry.to_ascii_lowercase());
            } else {
                return Err(Error::Malformed(format!("{entry:?} is neither a host name nor a range of addresses")));
            }
        }
        Ok(rules)
    }

    /// Whether `address` may be called under the name `host`.
    pub fn admit(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || self.ranges.iter().any(|range| range.contains(&address))
            || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host.trim_end_matches('.')))
    }
}

fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // Why not digits alone at the end: that is an address with a slip of the pen.
    text.split('.').all(is_label) && text.rsplit('.').next().is_some_and(|last| last.parse::<u32>().is_err())
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !FORBIDDEN_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(Ipv4Addr::new(a, b, c, d).into())
        }
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !FORBIDDEN_V6.iter().any(|range| range.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(allow: &[&str], host: &str, address: &str) -> bool {
        Rules::parse(allow).unwrap().admit(host, address.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_is_refused_in_every_disguise() {
        let forbidden = "0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
            169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.255
            198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
            :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1
            100::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1";
        for address in forbidden.split_whitespace() {
            assert!(!admitted(&[], "x", address), "{address}");
        }
    }

    #[test]
    fn the_public_internet_passes() {
        let public =
            "1.1.1.1 9.9.9.9 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 172.15.0.1 172.32.0.1 192.0.1.1
            198.17.255.255 198.20.0.1 223.255.255.255 ::ffff:1.1.1.1 64:ff9b::101:101 2001:200::1 2606:4700::1111
            2a00:1450::1 3ffe::1";
        for address in public.split_whitespace() {
            assert!(admitted(&[], "x", address), "{address}");
        }
    }

    #[test]
    fn an_operator_lets_pass_what_he_names_and_nothing_else() {
        let allow = ["Hooks.Internal", "10.20.0.0/16", "127.0.0.1", "fd00::/8"];
        for (host, address) in [
            ("hooks.internal", "10.0.0.1"),
            ("HOOKS.internal.", "::1"),
            ("x", "10.20.255.1"),
            ("x", "::ffff:10.20.0.1"),
            ("x", "127.0.0.1"),
            ("x", "fd12::1"),
        ] {
            assert!(admitted(&allow, host, address), "{host} {address}");
        }
        for (host, address) in [("hooks.internal.evil.example", "10.0.0.1"), ("x", "10.21.0.1"), ("x", "127.0.0.2")] {
            assert!(!admitted(&allow, host, address), "{host} {address}");
        }
    }

    #[test]
    fn an_entry_that_is_neither_is_named() {
        for entry in ["10.0.0.0/33", "http://x", "", "a..b", "10.0.0", "*", "host:80"] {
            let error = Rules::parse(&[entry]).unwrap_err();
            assert!(error.to_string().contains(&format!("{entry:?}")), "{error}");
        }
    }
}
