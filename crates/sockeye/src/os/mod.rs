//! What std has below `std::os`.

pub mod unix;
