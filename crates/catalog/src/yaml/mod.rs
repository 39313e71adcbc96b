//! YAML as the original project's reader (PyYAML's SafeLoader) understood it, with line numbers.
//!
//! [`text`] says what can be read at all; [`tree`] and [`syntax`] are the only places that know the YAML
//! crate; [`scalar`] holds YAML 1.1's rules for plain words, [`number`] Python's for numbers; [`section`] takes typed values out of a mapping and
//! notes everything that is wrong.

mod number;
pub(crate) mod scalar;
pub(crate) mod section;
mod syntax;
pub(crate) mod text;
pub(crate) mod tree;
