//! Which addresses the server may be sent to by somebody else's text.
//!
//! Addresses of sources come from playlists and forms. One that points at the machine itself or at
//! a cloud's metadata service would let a stranger's playlist use the server as a proxy into places
//! that only the server can see. Home networks stay reachable: that is where tuners and cameras are.

use std::net::IpAddr;
use std::path::PathBuf;

/// How sources outside are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// Whether they may be on this machine itself.
    pub own_machine: bool,
    /// The authorities that their certificates are checked against, as a file in PEM; `None` for
    /// those of the system.
    pub authorities: Option<PathBuf>,
}

/// Whether a source may be at `address`.
///
/// Refused are: this machine (unless `own_machine`), link-local addresses, the unspecified one and
/// broadcast. Multicast is allowed, as broadcasts in a network are sent that way.
pub fn is_reachable(address: IpAddr, own_machine: bool) -> bool {
    let address = address.to_canonical();
    if address.is_loopback() {
        return own_machine;
    }
    match address {
        IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_metadata_addresses_are_refused() {
        let reach = |text: &str| is_reachable(text.parse().unwrap(), false);
        for refused in
            ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0", "::", "fe80::1"]
        {
            assert!(!reach(refused), "{refused}");
        }
        for allowed in ["192.168.1.20", "10.0.0.1", "8.8.8.8", "239.0.0.1", "2001:db8::1"] {
            assert!(reach(allowed), "{allowed}");
        }
        assert!(is_reachable("127.0.0.1".parse().unwrap(), true));
    }
}
