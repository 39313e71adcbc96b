//! YAML as the original project's reader (PyYAML's SafeLoader) understood it, with line numbers.
//!
//! [`tree`] and [`syntax`] are the only places that know the YAML crate; [`scalar`] holds YAML 1.1's
//! rules for plain words; [`section`] takes typed values out of a mapping and notes everything that
//! is wrong.

pub(crate) mod scalar;
pub(crate) mod section;
mod syntax;
pub(crate) mod tree;
