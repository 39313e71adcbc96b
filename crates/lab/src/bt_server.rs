//! bt-server as a process on one host: what is wanted of it and what it said.
