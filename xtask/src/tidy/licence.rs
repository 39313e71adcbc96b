//! SPDX licence expressions, as far as Cargo.toml files use them, against the licences that GPL-3.0-or-later may use.

/// Licences whose code may become part of a GPL-3.0-or-later program.
pub(super) const ALLOWED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "GPL-3.0-or-later",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// `Ok` when the expression can be fulfilled with allowed licences alone; else what is wrong with it.
pub(super) fn allowed(expression: &str) -> Result<(), String> {
    // "MIT/Apache-2.0" is how crates wrote OR before there were expressions.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.is_empty() {
        return Err("names no licence; find it out, or do without this crate".to_owned());
    }
    let mut parser = Parser {
        words: &words,
        at: 0,
    };
    match (parser.either(), parser.at == words.len()) {
        (Some(true), true) => Ok(()),
        (Some(false), true) => Err(format!(
            "\"{expression}\" is not a licence we may use; do without this crate"
        )),
        _ => Err(format!(
            "\"{expression}\" is no SPDX expression; find out what it means"
        )),
    }
}

/// Recursive descent: OR binds weakest, then AND, then WITH. `None` where the text is no expression.
struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Parser<'a> {
    fn either(&mut self) -> Option<bool> {
        let mut fine = self.both()?;
        while self.next_is("OR") {
            // Parsed before it is joined: `||` alone would skip the rest of the expression.
            let other = self.both()?;
            fine = fine || other;
        }
        Some(fine)
    }

    fn both(&mut self) -> Option<bool> {
        let mut fine = self.one()?;
        while self.next_is("AND") {
            let other = self.one()?;
            fine = fine && other;
        }
        Some(fine)
    }

    fn one(&mut self) -> Option<bool> {
        if self.next_is("(") {
            let fine = self.either()?;
            return self.next_is(")").then_some(fine);
        }
        let name = self.name()?;
        if self.next_is("WITH") {
            let exception = self.name()?;
            return Some(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()));
        }
        Some(ALLOWED.contains(&name))
    }

    fn name(&mut self) -> Option<&'a str> {
        let name = self
            .words
            .get(self.at)
            .filter(|word| !matches!(**word, "OR" | "AND" | "WITH" | "(" | ")"))?;
        self.at += 1;
        Some(name)
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.words.get(self.at) == Some(&word);
        self.at += usize::from(is);
        is
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn expressions() {
        for (expression, fine) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("SSPL-1.0", false),
            ("SSPL-1.0 OR MIT", true),
            ("MIT AND SSPL-1.0", false),
            ("MIT AND (SSPL-1.0 OR ISC)", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("MIT OR SSPL-1.0 AND SSPL-1.0", true),
            ("SSPL-1.0 AND MIT OR SSPL-1.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH some-exception", false),
            ("GPL-2.0-only", false),
            ("", false),
            ("MIT OR", false),
            ("MIT ISC", false),
            ("(MIT", false),
            ("MIT)", false),
            ("OR MIT", false),
        ] {
            assert_eq!(allowed(expression).is_ok(), fine, "{expression}");
        }
    }
}
