//! A table in Markdown that is also readable as it is.

/// The table of these rows, the head first. Cells that begin with a digit stand to the right, and so do all cells of
/// columns from the second on where Markdown is drawn.
pub(super) fn table<const N: usize>(
    head: [&str; N],
    body: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut rows = vec![head.map(str::to_owned)];
    rows.push(std::array::from_fn(|column| {
        if column == 0 { "---" } else { "--:" }.to_owned()
    }));
    rows.extend(body);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            let right = cell.starts_with(|c: char| c.is_ascii_digit() || c == '–');
            text += &match right {
                true => format!("| {cell:>width$} "),
                false => format!("| {cell:<width$} "),
            };
        }
        text += "|\n";
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["ours", "1.09"], ["aria2", "11.57"], ["x", "–"]];
        let text = super::table(["who", "how"], rows.map(|row| row.map(str::to_owned)));
        assert_eq!(
            text,
            "\
| who   | how   |
| ---   | --:   |
| ours  |  1.09 |
| aria2 | 11.57 |
| x     |     – |
"
        );
    }
}
