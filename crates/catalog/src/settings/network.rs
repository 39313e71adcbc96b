//! Reading what concerns the wire: the section `dnsmasq`, and `host_ip`.

use std::net::Ipv4Addr;

use super::Settings;
use crate::{
    DhcpRange, Placed, Problem, Severity,
    yaml::{scalar::Plain, section::Section},
};

pub(super) fn dnsmasq(mut section: Section<'_>, settings: &mut Settings) -> Vec<Problem> {
    settings.enable_dhcp = section.boolean("enable_dhcp");
    settings.enable_tftp = enable_tftp(&mut section);
    set(
        &mut settings.bind_interfaces,
        section.truth("bind_interfaces"),
    );
    settings.interface = interfaces(&mut section);
    settings.dhcp_range = dhcp_range(&mut section);
    settings.user = user(&mut section);
    // dnsmasq's DNS port, in the original's first versions; 0 switched that service off.
    let remedy = "remove the line; this server answers no DNS";
    section.retired_unless("port", Plain::Int(Some(0)), remedy);
    section.finish(Severity::Warning, |_| None)
}

fn enable_tftp(section: &mut Section<'_>) -> Placed<bool> {
    let Some(enable) = section.boolean("enable_tftp") else {
        return Placed::default_of(true);
    };
    if !enable.value {
        let what = "is off: plain PXE firmware gets no loader from this server, but firmware that is iPXE does";
        let remedy = "write enable_tftp: True, unless another TFTP server has the loader";
        section.warn("enable_tftp", enable.line, what, remedy);
    }
    enable
}

/// One name, a list, or names with commas between them as dnsmasq takes them.
fn interfaces(section: &mut Section<'_>) -> Vec<Placed<String>> {
    let mut names: Vec<Placed<String>> = Vec::new();
    let written = section.texts("interface", "eth0");
    for Placed { value, line } in written.map(|list| list.value).unwrap_or_default() {
        for name in value.split(',').map(str::trim) {
            let value = name.to_owned();
            let name = Placed { value, line };
            if !is_interface_name(&name.value) {
                let what = "must be the name of a network interface";
                let remedy = "write for example interface: eth0 (`ip link` lists them)";
                section.refuse("interface", &name, what, remedy);
            } else if names.iter().all(|known| known.value != name.value) {
                names.push(name);
            }
        }
    }
    names
}

/// What Linux takes for a name: 1 to 15 bytes, no slash, colon or white space.
fn is_interface_name(name: &str) -> bool {
    let fits = (1..=15).contains(&name.len()) && !matches!(name, "." | "..");
    fits && !name.contains(|c: char| c.is_whitespace() || c.is_control() || "/:*".contains(c))
}

fn dhcp_range(section: &mut Section<'_>) -> Option<Placed<DhcpRange>> {
    let example = "\"192.168.1.50,192.168.1.150,12h\"";
    let written = section.text("dhcp_range", example)?;
    match DhcpRange::parse(&written.value) {
        Ok(range) => Some(written.map(|_| range)),
        Err(wrong) => {
            let what = wrong.to_string();
            let remedy = format!("write for example dhcp_range: {example}");
            section.refuse("dhcp_range", &written, &what, remedy);
            None
        }
    }
}

fn user(section: &mut Section<'_>) -> Option<Placed<String>> {
    let user = section.text("user", "nobody")?;
    if user.value.is_empty() {
        // The original took it for not written.
        return None;
    }
    let fits = |c: char| !(c.is_whitespace() || c.is_control() || ":/".contains(c));
    if user.value.len() <= 32 && user.value.chars().all(fits) {
        return Some(user);
    }
    let what = "must be the name of a user";
    let remedy = "write for example user: nobody, or remove the line";
    section.refuse("user", &user, what, remedy);
    None
}

pub(super) fn host_ip(section: &mut Section<'_>) -> Option<Placed<Ipv4Addr>> {
    let written = section.text("host_ip", "192.168.1.1")?;
    let usable = address(written.value.trim()).filter(|address| {
        !(address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
            || address.is_broadcast())
    });
    let Some(address) = usable else {
        let what = "must be an IPv4 address the machines can reach";
        let remedy =
            "write this server's address, for example host_ip: 192.168.1.1, or remove the line";
        section.refuse("host_ip", &written, what, remedy);
        return None;
    };
    Some(written.map(|_| address))
}

/// Four numbers with points between them. Zeros in front, as in `192.168.001.001`, are left out where that is
/// the only way to read them: some programs take such a number for an octal one.
pub(super) fn address(text: &str) -> Option<Ipv4Addr> {
    let part = |part: &str| -> Option<String> {
        let digits = part.trim_start_matches('0');
        let octal_too = |digits: &str| digits.len() == 1 && !matches!(digits, "8" | "9");
        match digits {
            "" => (!part.is_empty()).then(|| "0".to_owned()),
            _ if digits.len() == part.len() || octal_too(digits) => Some(digits.to_owned()),
            _ => None,
        }
    };
    let parts: Vec<String> = text.split('.').map(part).collect::<Option<_>>()?;
    parts.join(".").parse().ok()
}

/// Keeps the default where the file says nothing.
pub(super) fn set(setting: &mut bool, written: Option<Placed<bool>>) {
    if let Some(written) = written {
        *setting = written.value;
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn zeros_in_front_are_left_out_where_they_mean_nothing() {
        for (text, expected) in [
            ("192.168.1.1", Some([192, 168, 1, 1])),
            ("192.168.001.007", Some([192, 168, 1, 7])),
            ("010.0.00.1", None),
            ("10.0.00.1", Some([10, 0, 0, 1])),
            ("10.0.0.08", None),
            ("10.0.0.050", None),
            ("10.0..1", None),
            ("10.0.0.256", None),
            ("10.0.0", None),
            ("+10.0.0.1", None),
        ] {
            assert_eq!(address(text), expected.map(Into::into), "{text}");
        }
    }
}
