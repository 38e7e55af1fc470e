//! Which addresses may be reached from here: what others have named must not become a way into our own
//! network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far webhooks may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the public internet only.
    PublicOnly,
    /// Any address: for a local stack and for tests.
    Anywhere,
}

impl Reach {
    /// Whether an address written out in the URL may be reached. Names are judged by what they
    /// resolve to, at the moment of the call.
    pub fn allows(self, url: &url::Url) -> bool {
        match (self, url.host()) {
            (Self::Anywhere, Some(_)) | (Self::PublicOnly, Some(url::Host::Domain(_))) => true,
            (Self::PublicOnly, Some(url::Host::Ipv4(ip))) => is_public(IpAddr::V4(ip)),
            (Self::PublicOnly, Some(url::Host::Ipv6(ip))) => is_public(IpAddr::V6(ip)),
            (_, None) => false,
        }
    }

    /// Whether a name that resolves to `ip` may be followed there.
    pub fn allows_ip(self, ip: IpAddr) -> bool {
        self == Self::Anywhere || is_public(ip)
    }
}

/// Neither loopback, private, link-local, shared, documentation, benchmarking, multicast nor reserved
/// (RFC 6890), also when written as an IPv4 address inside IPv6.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarking = a == 198 && (b == 18 || b == 19);
    let protocol = a == 192 && b == 0 && c == 0;
    !(a == 0
        || a >= 240
        || shared
        || benchmarking
        || protocol
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4() {
        return is_public_v4(v4);
    }
    let [first, second, ..] = ip.segments();
    // 64:ff9b::/96 and 2002::/16 carry an IPv4 address that would have to be judged too.
    let carries_v4 = (first == 0x64 && second == 0xff9b) || first == 0x2002;
    let teredo_and_documentation = first == 0x2001 && (second == 0 || second == 0xdb8);
    let global = first & 0xe000 == 0x2000;
    global && !carries_v4 && !teredo_and_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_reached() {
        let cases = [
            ("http://127.0.0.1/", false),
            ("http://127.8.8.8:9/", false),
            ("http://10.0.0.1/", false),
            ("http://172.16.0.1/", false),
            ("http://172.32.0.1/", true),
            ("http://192.168.1.1/", false),
            ("http://169.254.169.254/", false),
            ("http://100.64.0.1/", false),
            ("http://100.128.0.1/", true),
            ("http://0.0.0.0/", false),
            ("http://2130706433/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://[fe80::1]/", false),
            ("http://[fd00::1]/", false),
            ("http://[2002:7f00:1::]/", false),
            ("http://[2606:4700::1]/", true),
            ("http://8.8.8.8/", true),
            ("https://bella-napoli.example/", true),
        ];
        for (url, allowed) in cases {
            let parsed = url::Url::parse(url).unwrap();
            assert_eq!(Reach::PublicOnly.allows(&parsed), allowed, "{url}");
            assert!(Reach::Anywhere.allows(&parsed), "{url}");
        }
    }
}
