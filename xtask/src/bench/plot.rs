//! The table's first column as a picture: one bar for each engine, drawn as SVG.

use super::result::{Line, Outcome};

const WIDTH: f64 = 860.0;
/// Left of the bars are the names, right of them the values.
const LEFT: f64 = 130.0;
const RIGHT: f64 = 160.0;
const TOP: f64 = 64.0;
const STEP: f64 = 34.0;
const BAR: f64 = 22.0;
/// What headers and acknowledgements make of the bound.
const FLOOR: f64 = 1.06;

const OURS: &str = "#1a7f5a";
const OTHERS: &str = "#7a8794";

/// What a bar shows.
struct Bar {
    name: &'static str,
    value: f64,
    note: &'static str,
    measured: bool,
}

/// A bar of last/bound for each engine that has one; of seconds where there is no bound.
pub(super) fn draw(title: &str, lines: &[Line]) -> String {
    let ratios: Vec<Bar> = lines.iter().filter_map(|line| bar(line, true)).collect();
    let of_bound = !ratios.is_empty();
    let bars = match of_bound {
        true => ratios,
        false => lines.iter().filter_map(|line| bar(line, false)).collect(),
    };
    let most = bars.iter().map(|bar| bar.value).fold(1.2, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / most;
    let height = TOP + STEP * bars.len() as f64 + 30.0;
    let (what, unit) = match of_bound {
        true => ("time of the last machine / lower bound", ""),
        false => ("time of the last machine", " s"),
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"22\" font-weight=\"bold\">{}</text>\n\
         <text x=\"12\" y=\"42\" fill=\"#555555\">{what}; shorter is better</text>\n",
        escaped(title)
    );
    for (number, bar) in bars.iter().enumerate() {
        let y = TOP + STEP * number as f64;
        let colour = if bar.name == "ours" { OURS } else { OTHERS };
        let style = match bar.measured {
            true => format!("fill=\"{colour}\""),
            false => format!(
                "fill=\"{colour}\" fill-opacity=\"0.3\" stroke=\"{colour}\" stroke-dasharray=\"4 3\""
            ),
        };
        svg += &format!(
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LEFT:.0}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"{BAR:.0}\" {style}/>\n\
             <text x=\"{:.1}\" y=\"{:.0}\">{:.2}{unit}{}</text>\n",
            LEFT - 8.0,
            y + 16.0,
            bar.name,
            bar.value * scale,
            LEFT + bar.value * scale + 6.0,
            y + 16.0,
            bar.value,
            bar.note
        );
    }
    if of_bound {
        let bottom = height - 24.0;
        for (at, dashes) in [(1.0, "none"), (FLOOR, "3 3")] {
            let x = LEFT + at * scale;
            svg += &format!(
                "<line x1=\"{x:.1}\" y1=\"{:.0}\" x2=\"{x:.1}\" y2=\"{bottom:.0}\" stroke=\"#c03030\" \
                 stroke-dasharray=\"{dashes}\"/>\n",
                TOP - 6.0
            );
        }
        svg += &format!(
            "<text x=\"{LEFT:.0}\" y=\"{:.0}\" fill=\"#c03030\" font-size=\"11\">line: the bound (1.00); dashed: with \
             headers and ACKs (1.06)</text>\n",
            height - 8.0
        );
    }
    svg + "</svg>\n"
}

fn bar(line: &Line, of_bound: bool) -> Option<Bar> {
    let (value, note) = match &line.outcome {
        Outcome::Measured(figures) => match (of_bound, figures.cpu_was_the_limit) {
            (true, busy) => (
                figures.last_by_bound?,
                if busy { " (CPU busy)" } else { "" },
            ),
            (false, _) => (figures.last, ""),
        },
        Outcome::Computed { last_by_bound, .. } if of_bound => (*last_by_bound, " (computed)"),
        Outcome::TooSlow {
            slow,
            after_by_bound,
        } => match of_bound {
            true => ((*after_by_bound)?, " or more (ended)"),
            false => (slow.after, " or more (ended)"),
        },
        _ => return None,
    };
    Some(Bar {
        name: line.engine,
        value,
        note,
        measured: matches!(line.outcome, Outcome::Measured(_)),
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::engine::Engine;
    use crate::bench::run::TooSlow;

    #[test]
    fn bars_that_were_not_measured_say_so_and_a_failure_has_none() {
        let computed = Outcome::Computed {
            last: 80.0,
            last_by_bound: 8.0,
            copies: 8.0,
        };
        let ended = Outcome::TooSlow {
            slow: TooSlow {
                after: 60.0,
                missing: 1,
                machines: 2,
            },
            after_by_bound: Some(5.0),
        };
        let lines = [
            Line::without_runs(Engine::Transmission, ended),
            Line::without_runs(Engine::Http, computed),
            Line::without_runs(Engine::Udpcast, Outcome::Failed("x".to_owned())),
        ];
        let svg = draw("a < b", &lines);
        assert!(svg.contains("8.00 (computed)") && svg.contains("stroke-dasharray=\"4 3\""));
        assert!(svg.contains("5.00 or more (ended)"));
        assert!(!svg.contains("udpcast"));
        assert!(svg.contains("a &lt; b"));
    }
}
