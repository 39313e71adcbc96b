//! `bt-server pin`: makes of a PIN the line for `Boottorrent.yaml`, with its slow hash. The PIN is read without echo, and
//! stands nowhere: not on the command line, not in a file, not in the shell's history.

use std::io::{self, IsTerminal};

use anyhow::{Context, bail};
use catalog::shell::{PinHash, SALT};
use rand::TryRng;
use rand::rngs::SysRng;

/// Reads a PIN, twice from a person, once from a pipe; returns what there is to be printed.
///
/// # Errors
/// What cannot be typed in phase 1, two that differ, or a terminal that cannot be read.
pub fn pin() -> anyhow::Result<String> {
    let pin = match io::stdin().is_terminal() {
        true => {
            let pin = rpassword::prompt_password("PIN (is not shown): ")?;
            if rpassword::prompt_password("The same again: ")? != pin {
                bail!("the two differ; nothing was made");
            }
            pin
        }
        false => {
            let mut line = String::new();
            io::stdin().read_line(&mut line)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    let mut salt = [0; SALT];
    SysRng
        .try_fill_bytes(&mut salt)
        .context("the system gives no random numbers")?;
    line(&pin, &salt)
}

fn line(pin: &str, salt: &[u8; SALT]) -> anyhow::Result<String> {
    let hash = PinHash::of(pin, salt).map_err(|why| anyhow::anyhow!("a PIN {why}"))?;
    Ok(format!("  shell: {hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Shell;

    #[test]
    fn the_line_stands_in_the_configuration_as_it_is_printed() {
        let line = line("2468", &[7; SALT]).expect("a line");
        let text = format!("boottorrent:\n{line}\n");
        let checked = catalog::settings("Boottorrent.yaml", &text);
        assert!(checked.problems.is_empty(), "{:?}", checked.problems);
        let Some(Shell::Pin(hash)) = checked.value.map(|settings| settings.shell) else {
            panic!("no PIN in {text}")
        };
        assert!(hash.fits("2468") && !hash.fits("2469"));
    }

    #[test]
    fn a_pin_that_is_too_short_is_refused_with_its_reason() {
        let said = line("12", &[7; SALT]).expect_err("too short").to_string();
        assert_eq!(said, "a PIN must have 4 to 64 characters");
    }
}
