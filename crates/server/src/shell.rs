//! Words of commands that people are told to type.

use std::path::Path;

/// The path as one word of a POSIX shell: in quotes where the shell would read it otherwise.
pub(crate) fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_the_shell_would_read_it_otherwise() {
        for (path, expected) in [
            ("/srv/room-2/oss", "/srv/room-2/oss"),
            ("système", "système"),
            ("my room", "'my room'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("~/oss", "'~/oss'"),
            ("", "''"),
        ] {
            assert_eq!(word(Path::new(path)), expected);
        }
    }
}
