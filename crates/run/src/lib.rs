//! The supervisor of unmodified programs.
