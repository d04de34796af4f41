//! What std has below `std::os::unix`.

pub mod net;
