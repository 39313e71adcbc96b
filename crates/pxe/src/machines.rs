//! Which machines boot from us, and what is different for some of them. Pure rules.

/// The rules of a site. Without any, every machine boots.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Machines {}
