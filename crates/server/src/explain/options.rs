//! The options of a DHCP message as text for people: numbers get their names, addresses and times their usual form.
//!
//! It shows what is there and judges nothing. Whatever a stranger wrote is escaped and kept short.

use std::net::Ipv4Addr;

/// The fixed part with the magic cookie; options begin after it (RFC 2131, section 2).
const FIXED_PART: usize = 240;
/// Longest text or list of bytes that is shown, in characters.
const SHOWN: usize = 100;

/// How the content of an option is read.
#[derive(Clone, Copy)]
enum Form {
    Addresses,
    Seconds,
    Number,
    Text,
    Codes,
    Kind,
    Pxe,
    Bytes,
}

/// What people call the options that matter when machines boot (RFC 2132, 3004, 3046, 4578, 5071; 43 is the PXE
/// specification's, 175 Etherboot's).
#[rustfmt::skip]
const NAMES: &[(u8, &str, Form)] = &[
    (1,   "subnet mask",        Form::Addresses),
    (3,   "router",             Form::Addresses),
    (6,   "name servers",       Form::Addresses),
    (12,  "host name",          Form::Text),
    (15,  "domain",             Form::Text),
    (28,  "broadcast address",  Form::Addresses),
    (42,  "time servers",       Form::Addresses),
    (43,  "PXE's own options",  Form::Pxe),
    (50,  "requested address",  Form::Addresses),
    (51,  "lease time",         Form::Seconds),
    (52,  "overload",           Form::Number),
    (53,  "message type",       Form::Kind),
    (54,  "server identifier",  Form::Addresses),
    (55,  "wanted options",     Form::Codes),
    (56,  "message",            Form::Text),
    (57,  "largest message",    Form::Number),
    (58,  "renews after",       Form::Seconds),
    (59,  "rebinds after",      Form::Seconds),
    (60,  "vendor class",       Form::Text),
    (61,  "client identifier",  Form::Bytes),
    (66,  "TFTP server",        Form::Text),
    (67,  "boot file",          Form::Text),
    (77,  "user class",         Form::Text),
    (82,  "relay agent",        Form::Bytes),
    (93,  "architecture",       Form::Number),
    (94,  "network interface",  Form::Bytes),
    (97,  "machine identifier", Form::Bytes),
    (150, "TFTP addresses",     Form::Addresses),
    (175, "iPXE's own options", Form::Bytes),
    (209, "configuration file", Form::Text),
    (210, "path prefix",        Form::Text),
];

/// Kinds of message by option 53 (RFC 2132, section 9.6).
const KINDS: [&str; 8] = [
    "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM",
];

/// A message of which the fixed part is there, with its options.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    /// By code, in the order of their first part; parts of one option are joined (RFC 3396).
    options: Vec<(u8, Vec<u8>)>,
}

impl<'a> Message<'a> {
    /// Reads `bytes` as far as the options can be followed.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Message<'a>> {
        let mut rest = bytes.get(FIXED_PART..)?;
        let mut options: Vec<(u8, Vec<u8>)> = Vec::new();
        while let [code, tail @ ..] = rest {
            match code {
                0 => rest = tail,
                255 => break,
                code => {
                    let Some((length, tail)) = tail.split_first() else {
                        break;
                    };
                    let data = &tail[..usize::from(*length).min(tail.len())];
                    match options.iter_mut().find(|(other, _)| other == code) {
                        Some((_, before)) => before.extend(data),
                        None => options.push((*code, data.to_vec())),
                    }
                    rest = &tail[data.len()..];
                }
            }
        }
        Some(Message { bytes, options })
    }

    /// An address of the fixed part: `yiaddr` is at 16, `siaddr` at 20, `giaddr` at 24.
    pub(crate) fn address(&self, at: usize) -> Option<Ipv4Addr> {
        let bytes: [u8; 4] = self.bytes.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(bytes)).filter(|address| !address.is_unspecified())
    }

    /// The hardware address, as much of it as an Ethernet has.
    pub(crate) fn mac(&self) -> report::Mac {
        let bytes = self.bytes[28..34].try_into();
        report::Mac(bytes.unwrap_or_default())
    }

    /// The header's boot file.
    pub(crate) fn file(&self) -> Option<String> {
        let file = self.bytes[108..236].split(|byte| *byte == 0).next()?;
        (!file.is_empty()).then(|| plain(file))
    }

    /// What is in an option.
    pub(crate) fn option(&self, code: u8) -> Option<&[u8]> {
        let found = self.options.iter().find(|(other, _)| *other == code);
        found.map(|(_, data)| &data[..])
    }

    /// The kind of message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.option(53) {
            Some(&[number]) => kind(number).unwrap_or("message of an unknown kind"),
            _ => "BOOTP message",
        }
    }

    /// Every option as one line, sorted by its number, but for the message type.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut options: Vec<&(u8, Vec<u8>)> = self.options.iter().collect();
        options.retain(|(code, _)| *code != 53);
        options.sort_by_key(|(code, _)| *code);
        let line = |(code, data): &(u8, Vec<u8>)| {
            let known = NAMES.iter().find(|(other, _, _)| other == code);
            let (name, form) =
                known.map_or(("option", Form::Bytes), |(_, name, form)| (*name, *form));
            format!("{code:>3} {name} {}", content(form, data))
        };
        options.into_iter().map(line).collect()
    }
}

fn kind(number: u8) -> Option<&'static str> {
    KINDS.get(usize::from(number).checked_sub(1)?).copied()
}

fn content(form: Form, data: &[u8]) -> String {
    let read = match form {
        Form::Addresses => addresses(data),
        Form::Seconds => number(data).map(seconds),
        Form::Number => number(data).map(|number| number.to_string()),
        Form::Text => Some(text(data)),
        Form::Codes => Some(listed(data.iter(), " ")),
        Form::Kind => match data {
            &[number] => kind(number).map(str::to_owned),
            _ => None,
        },
        Form::Pxe => pxe(data),
        Form::Bytes => None,
    };
    read.unwrap_or_else(|| hexadecimal(data))
}

fn addresses(data: &[u8]) -> Option<String> {
    let (addresses, rest) = data.as_chunks::<4>();
    let fits = !addresses.is_empty() && rest.is_empty();
    fits.then(|| listed(addresses.iter().map(|bytes| Ipv4Addr::from(*bytes)), ", "))
}

fn number(data: &[u8]) -> Option<u32> {
    (1..=4).contains(&data.len()).then(|| {
        let digits = data.iter();
        digits.fold(0, |number, byte| number << 8 | u32::from(*byte))
    })
}

fn seconds(seconds: u32) -> String {
    match seconds {
        u32::MAX => "for ever".to_owned(),
        seconds => format!("{seconds} s"),
    }
}

/// The options that PXE keeps in option 43 (PXE specification 2.1, table 2-1): the first of them decides whom the
/// firmware asks for its loader.
fn pxe(data: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    let mut rest = data;
    while let [code, tail @ ..] = rest {
        if matches!(code, 0 | 255) {
            rest = if *code == 255 { &[] } else { tail };
            continue;
        }
        let (length, tail) = tail.split_first()?;
        let value = tail.get(..usize::from(*length))?;
        parts.push(match (code, value) {
            (6, &[flags]) => format!("discovery control {flags}"),
            (8, _) => format!("boot servers {}", hexadecimal(value)),
            (9, _) => format!("menu {}", text(value.get(3..)?)),
            (10, _) => format!("prompt {}", text(value.get(1..)?)),
            (71, _) => format!("chosen item {}", hexadecimal(value)),
            (code, value) => format!("{code} = {}", hexadecimal(value)),
        });
        rest = &tail[value.len()..];
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Text in quotes, without the zero at its end.
pub(crate) fn text(data: &[u8]) -> String {
    let data = data.strip_suffix(&[0]).unwrap_or(data);
    format!("\"{}\"", plain(data))
}

/// Text with everything escaped that is not printable, cut where it gets long.
pub(crate) fn plain(data: &[u8]) -> String {
    let escaped = data.escape_ascii().to_string();
    match escaped.get(..SHOWN) {
        Some(begin) if escaped.len() > SHOWN => format!("{begin}…"),
        _ => escaped,
    }
}

fn hexadecimal(data: &[u8]) -> String {
    let shown = &data[..data.len().min(SHOWN / 2)];
    let mut text: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    if shown.len() < data.len() {
        text.push('…');
    }
    if data.is_empty() {
        text.push_str("(empty)");
    }
    text
}

fn listed(items: impl Iterator<Item: ToString>, between: &str) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    items.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(options: &[u8]) -> Vec<String> {
        let bytes = [&[0; FIXED_PART][..], options].concat();
        Message::read(&bytes).unwrap().lines()
    }

    #[test]
    fn each_option_in_its_form() {
        for (option, line) in [
            (
                &[1, 4, 255, 255, 255, 0][..],
                "  1 subnet mask 255.255.255.0",
            ),
            (
                &[6, 8, 10, 0, 0, 1, 10, 0, 0, 2],
                "  6 name servers 10.0.0.1, 10.0.0.2",
            ),
            (&[6, 3, 10, 0, 0], "  6 name servers 0a0000"),
            (&[51, 4, 0, 0, 14, 16], " 51 lease time 3600 s"),
            (&[51, 4, 255, 255, 255, 255], " 51 lease time for ever"),
            (
                &[60, 4, b'a', 0x1b, b'\n', 0],
                " 60 vendor class \"a\\x1b\\n\"",
            ),
            (&[55, 3, 1, 3, 210], " 55 wanted options 1 3 210"),
            (&[93, 2, 0, 16], " 93 architecture 16"),
            (
                &[43, 4, 6, 1, 8, 255],
                " 43 PXE's own options discovery control 8",
            ),
            (&[43, 3, 9, 9, 9], " 43 PXE's own options 090909"),
            (&[222, 0], "222 option (empty)"),
        ] {
            assert_eq!(lines(option), [line]);
        }
    }

    #[test]
    fn parts_are_joined_and_what_is_cut_ends_the_list() {
        let joined = lines(&[66, 1, b'a', 12, 1, b'h', 66, 1, b'b', 255, 12, 1, b'x']);
        assert_eq!(joined, [" 12 host name \"h\"", " 66 TFTP server \"ab\""]);
        assert_eq!(lines(&[0, 0, 12, 9, b'h']), [" 12 host name \"h\""]);
        assert_eq!(lines(&[12]), Vec::<String>::new());
        assert!(Message::read(&[0; FIXED_PART - 1]).is_none());
    }

    #[test]
    fn what_is_long_is_cut() {
        let long = [&[60, 255][..], &[b'x'; 255]].concat();
        assert!(lines(&long)[0].len() < 130);
        let long = [&[61, 255][..], &[7; 255]].concat();
        assert!(lines(&long)[0].len() < 130);
    }
}
