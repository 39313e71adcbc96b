//! The values of single options: bytes in, a value out, or nothing where they are broken.

use std::net::Ipv4Addr;

use super::IpxeFeatures;

pub(super) fn address(data: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?))
}

pub(super) fn number(data: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(data.try_into().ok()?))
}

pub(super) fn filled(data: &[u8]) -> Option<Vec<u8>> {
    (!data.is_empty()).then(|| data.to_vec())
}

pub(super) fn one_option(data: &[u8]) -> Option<Vec<u8>> {
    (data.len() <= usize::from(u8::MAX)).then(|| data.to_vec())
}

/// Host names end up in logs and on screens: anything but plain printable text is left out.
pub(super) fn printable(data: &[u8]) -> Option<String> {
    let text = data.strip_suffix(&[0]).unwrap_or(data);
    let plain = !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
    plain.then(|| String::from_utf8_lossy(text).into_owned())
}

/// RFC 3004 prefixes each class with its length; iPXE and others send one bare text. Bytes that
/// don't add up as the former are the latter.
pub(super) fn classes(data: &[u8]) -> Vec<Vec<u8>> {
    let mut classes = Vec::new();
    let mut rest = data;
    while let [length, tail @ ..] = rest {
        let length = usize::from(*length);
        if length == 0 || length > tail.len() {
            return vec![data.to_vec()];
        }
        classes.push(tail[..length].to_vec());
        rest = &tail[length..];
    }
    classes
}

/// Option 175 holds options of its own; feature N is an option N with a value of one byte.
pub(super) fn ipxe_features(data: &[u8]) -> IpxeFeatures {
    const HTTP: u8 = 19;
    let http = sub_options(data)
        .any(|(code, value)| code == HTTP && value.first().is_some_and(|&version| version != 0));
    IpxeFeatures { http }
}

/// Option 43 of a PXE client holds options of its own (PXE specification 2.1, table 2-1).
pub(super) fn boot_item(data: &[u8]) -> Option<[u8; 4]> {
    const BOOT_ITEM: u8 = 71;
    let mut items = sub_options(data).filter(|(code, _)| *code == BOOT_ITEM);
    items.next()?.1.try_into().ok()
}

/// The options inside an option, up to the first that reaches out of it.
fn sub_options(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let [code, length, tail @ ..] = rest else {
            return None;
        };
        let (value, after) = tail.split_at_checked(usize::from(*length))?;
        rest = after;
        Some((*code, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_user_class() {
        let cases: [(&[u8], &[&[u8]]); 4] = [
            (b"iPXE", &[b"iPXE"]),
            (b"\x04iPXE", &[b"iPXE"]),
            (b"\x04iPXE\x03lab", &[b"iPXE", b"lab"]),
            (b"\x04iPX", &[b"\x04iPX"]),
        ];
        for (wire, expected) in cases {
            assert_eq!(classes(wire), expected, "{wire:?}");
        }
    }

    #[test]
    fn features_of_an_ipxe() {
        assert!(ipxe_features(&[0xb1, 1, 9, 19, 1, 1, 33, 1, 1]).http);
        assert!(!ipxe_features(&[0xb1, 1, 9, 33, 1, 1]).http);
        assert!(
            !ipxe_features(&[19, 9, 1]).http,
            "the length points outside"
        );
    }

    #[test]
    fn what_was_chosen_in_a_menu() {
        let cases: [(&[u8], _); 4] = [
            (&[71, 4, 0x80, 0, 0, 0, 255], Some([0x80, 0, 0, 0])),
            (&[6, 1, 8, 71, 4, 0, 1, 0, 2], Some([0, 1, 0, 2])),
            (&[71, 2, 0x80, 0, 255], None),
            (&[71, 9, 0x80, 0, 0, 0], None),
        ];
        for (data, expected) in cases {
            assert_eq!(boot_item(data), expected, "{data:?}");
        }
    }
}
