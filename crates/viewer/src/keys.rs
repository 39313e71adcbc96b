//! Linux' key codes as scan codes of a PC.
//!
//! QEMU wants what a PC/XT keyboard sends when a key goes down: one byte, or two of which the first is
//! 0xe0; then the second is sent with its highest bit set. Linux numbered the first 88 keys by these
//! very codes (linux/input-event-codes.h), the others as they came.

/// Keys whose code is not their scan code: Linux' code, and the scan code, which is 0xe0 and seven more
/// bits where the highest bit is set.
const OTHERS: [(u16, u8); 62] = [
    // Japanese keyboards, and the keypads of those and of Macs
    (85, 0x76),  // Zenkaku/Hankaku
    (89, 0x73),  // Ro
    (90, 0x78),  // Katakana
    (91, 0x77),  // Hiragana
    (92, 0x79),  // Henkan
    (93, 0x70),  // Katakana/Hiragana
    (94, 0x7b),  // Muhenkan
    (95, 0x5c),  // keypad ,
    (117, 0x59), // keypad =
    (118, 0xce), // keypad +/-
    (121, 0x7e), // keypad . (Brazil)
    (124, 0x7d), // Yen
    // Korean keyboards: the very bytes, without 0xe0
    (122, 0x72), // Hangul
    (123, 0x71), // Hanja
    // The right half
    (96, 0x9c),  // keypad Enter
    (97, 0x9d),  // right Ctrl
    (98, 0xb5),  // keypad /
    (99, 0x54),  // Print; as Alt+Print it is SysRq, which has this code
    (100, 0xb8), // right Alt
    (102, 0xc7), // Home
    (103, 0xc8), // up
    (104, 0xc9), // Page Up
    (105, 0xcb), // left
    (106, 0xcd), // right
    (107, 0xcf), // End
    (108, 0xd0), // down
    (109, 0xd1), // Page Down
    (110, 0xd2), // Insert
    (111, 0xd3), // Delete
    (119, 0xc6), // Pause, as Ctrl+Pause sends it
    (125, 0xdb), // left Windows
    (126, 0xdc), // right Windows
    (127, 0xdd), // menu
    // F13 to F24
    (183, 0x5d),
    (184, 0x5e),
    (185, 0x5f),
    (186, 0x55),
    (187, 0x83),
    (188, 0xf7),
    (189, 0x84),
    (190, 0x5a),
    (191, 0x74),
    (192, 0xf9),
    (193, 0x6d),
    (194, 0x6f),
    // Sound, sleep and the keys of browsers
    (113, 0xa0), // mute
    (114, 0xae), // quieter
    (115, 0xb0), // louder
    (116, 0xde), // power
    (128, 0xe8), // stop
    (140, 0xa1), // calculator
    (142, 0xdf), // sleep
    (143, 0xe3), // wake up
    (155, 0xec), // mail
    (156, 0xe6), // bookmarks
    (158, 0xea), // back
    (159, 0xe9), // forward
    (163, 0x99), // next
    (164, 0xa2), // play, pause
    (165, 0x90), // previous
    (166, 0xa4), // stop playing
    (172, 0xb2), // home page
];

/// The scan code of a key, as QEMU's extended key event wants it; `None` for keys that a PC's keyboard
/// does not have.
pub fn scan_code(key: u16) -> Option<u8> {
    match key {
        1..=83 | 86..=88 => Some(key as u8),
        _ => OTHERS
            .iter()
            .find(|(code, _)| *code == key)
            .map(|(_, scan_code)| *scan_code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// What a PC's keyboard sends, set 1, from the IBM PC AT's technical reference; 0xe0 as 0x100.
    #[test]
    fn known_keys_have_their_known_codes() {
        let table: &[(u16, u16)] = &[
            (1, 0x01),    // Esc
            (2, 0x02),    // 1
            (15, 0x0f),   // Tab
            (16, 0x10),   // Q
            (28, 0x1c),   // Enter
            (29, 0x1d),   // left Ctrl
            (30, 0x1e),   // A
            (42, 0x2a),   // left Shift
            (54, 0x36),   // right Shift
            (55, 0x37),   // keypad *
            (56, 0x38),   // left Alt
            (57, 0x39),   // space
            (58, 0x3a),   // Caps Lock
            (59, 0x3b),   // F1
            (68, 0x44),   // F10
            (69, 0x45),   // Num Lock
            (70, 0x46),   // Scroll Lock
            (71, 0x47),   // keypad 7
            (83, 0x53),   // keypad .
            (86, 0x56),   // the key beside the left Shift
            (87, 0x57),   // F11
            (88, 0x58),   // F12
            (96, 0x11c),  // keypad Enter
            (97, 0x11d),  // right Ctrl
            (98, 0x135),  // keypad /
            (99, 0x54),   // SysRq
            (100, 0x138), // right Alt
            (102, 0x147), // Home
            (103, 0x148), // up
            (104, 0x149), // Page Up
            (105, 0x14b), // left
            (106, 0x14d), // right
            (107, 0x14f), // End
            (108, 0x150), // down
            (109, 0x151), // Page Down
            (110, 0x152), // Insert
            (111, 0x153), // Delete
            (119, 0x146), // Ctrl+Pause
            (125, 0x15b), // left Windows
            (126, 0x15c), // right Windows
            (127, 0x15d), // menu
        ];
        for (key, code) in table {
            let expected = (code & 0x7f | (code & 0x100) >> 1) as u8;
            assert_eq!(scan_code(*key), Some(expected), "key {key}");
        }
    }

    #[test]
    fn no_two_keys_share_a_code_and_the_rest_has_none() {
        let codes: Vec<u8> = (0..=u16::MAX).filter_map(scan_code).collect();
        assert_eq!(codes.len(), 83 + 3 + OTHERS.len());
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
        for none in [0, 84, 0x110, 0x14a, 0x2ff, u16::MAX] {
            assert_eq!(scan_code(none), None, "{none}");
        }
    }
}
