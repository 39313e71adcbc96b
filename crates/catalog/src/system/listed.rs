//! Paths in a message that stays short, however many files a folder has.

/// So many are named: what was found is cut short in a message, and the number of the others has to be seen.
pub(super) const NAMED: usize = 3;

/// The first paths, and how many more there are.
pub(super) fn listed(paths: &[&str]) -> String {
    let named = paths[..paths.len().min(NAMED)].join(", ");
    match paths.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {} more", in_thousands(more)),
    }
}

/// The first paths of a list that was not made to its end.
pub(super) fn listed_in_part(paths: &[&str]) -> String {
    match paths.len() > NAMED {
        true => format!("{} and more", paths[..NAMED].join(", ")),
        false => paths.join(", "),
    }
}

/// `7,997`.
fn in_thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_stays_short() {
        let many = vec!["a"; 8000];
        let some = ["a"; NAMED].join(", ");
        for (count, all, part) in [
            (1, "a".to_owned(), "a".to_owned()),
            (NAMED, some.clone(), some.clone()),
            (
                NAMED + 1,
                format!("{some} and 1 more"),
                format!("{some} and more"),
            ),
            (
                NAMED + 999,
                format!("{some} and 999 more"),
                format!("{some} and more"),
            ),
            (
                NAMED + 1000,
                format!("{some} and 1,000 more"),
                format!("{some} and more"),
            ),
            (
                8000,
                format!("{some} and 7,997 more"),
                format!("{some} and more"),
            ),
        ] {
            assert_eq!(listed(&many[..count]), all);
            assert_eq!(listed_in_part(&many[..count]), part);
        }
        assert_eq!(in_thousands(1_234_567), "1,234,567");
    }
}
