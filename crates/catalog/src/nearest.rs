//! The known name a misspelt one was probably meant to be.

/// The nearest of the candidates, if one is near enough to be worth suggesting.
///
/// Case and the choice between `-` and `_` cost nothing; about a third of the letters may be wrong,
/// or one name begins with the other.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = fold(name);
    let allowed = (folded.len() / 3).max(1);
    let near = |candidate: &str| {
        let known = fold(candidate);
        let distance = distance(&folded, &known);
        let short = folded.len().min(known.len());
        let begins = short >= 3 && folded[..short] == known[..short];
        let fits = begins || (distance <= allowed && distance < folded.len());
        fits.then_some(distance)
    };
    candidates
        .into_iter()
        .filter_map(|candidate| Some((near(candidate)?, candidate)))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Names longer than this are nobody's misspelling, and the table below stays small.
const MAX: usize = 128;

fn fold(name: &str) -> Vec<char> {
    let folded = name.trim().chars().flat_map(char::to_lowercase);
    let folded = folded.map(|c| if c == '-' { '_' } else { c });
    folded.take(MAX).collect()
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour
/// (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn misspellings_find_their_name_and_strangers_find_none() {
        let known = ["timeout", "default_os", "seed_time", "seed_max", "host_ip"];
        let table = [
            ("timout", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("default-os", Some("default_os")),
            ("defaultos", Some("default_os")),
            ("hostip", Some("host_ip")),
            ("seed_tim", Some("seed_time")),
            ("timeout_seconds", Some("timeout")),
            ("colour", None),
            ("x", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, known), expected, "{name:?}");
        }
        let long = "t".repeat(100_000);
        assert_eq!(nearest(&long, known), None);
    }
}
