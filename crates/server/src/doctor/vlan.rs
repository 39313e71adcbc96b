//! A VLAN (IEEE 802.1Q) as the room's interface: what the switch must do for it, which nobody sees from here.

use super::finding::Finding;

/// Which VLAN an interface is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Vlan {
    /// Its number, 1 to 4094.
    pub(crate) id: u16,
    /// The interface whose cable it shares.
    pub(crate) device: String,
}

/// Reads what the kernel shows of a VLAN's interface in /proc/net/vlan: `eth0.42  VID: 42 …` in the first line, and
/// `Device: eth0` in a later one.
pub(crate) fn read(shown: &str) -> Option<Vlan> {
    let after = |word: &str| {
        let mut words = shown.split_whitespace().skip_while(|one| *one != word);
        words.nth(1)
    };
    Some(Vlan {
        id: after("VID:")?.parse().ok()?,
        device: after("Device:")?.to_owned(),
    })
}

/// What a person should know of it.
pub(crate) fn finding(name: &str, vlan: &Vlan) -> Finding {
    let Vlan { id, device } = vlan;
    let what = format!(
        "{name} is VLAN {id} on {device}: machines outside of it hear nothing, and firmware joins no VLAN by itself"
    );
    let remedy = format!(
        "see that the switch's port for {device} carries VLAN {id} tagged, and the machines' ports carry it untagged"
    );
    Finding::note("interface", what).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "eth0.42  VID: 42\t REORDER_HDR: 1  dev->priv_flags: 1021\n         total frames received            \
        0\n      total headroom inc            0\nDevice: eth0\nINGRESS priority mappings: 0:0  1:0\n";

    #[test]
    fn the_kernels_words_are_read() {
        let expected = Vlan {
            id: 42,
            device: "eth0".to_owned(),
        };
        assert_eq!(read(SHOWN), Some(expected));
        for other in [
            "",
            "eth0.42  VID: x\nDevice: eth0",
            "eth0.42  VID: 42",
            "Device: eth0",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn the_switch_is_told_of() {
        let vlan = read(SHOWN).expect("a VLAN");
        let said = finding("eth0.42", &vlan);
        assert!(said.what.contains("VLAN 42 on eth0"), "{said:?}");
        let remedy = said.remedy.expect("what the switch must do");
        assert!(remedy.contains("untagged"), "{remedy}");
    }
}
