//! What can go wrong: netdb.h's `h_errno` and `EAI_*`.

use std::fmt;

/// Why a host was not found (`h_errno`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// HOST_NOT_FOUND: nobody knows the name or address.
    NotFound,
    /// TRY_AGAIN: no server answered, or none could.
    TryAgain,
    /// NO_RECOVERY: a server said that something is wrong with the question.
    NoRecovery,
    /// NO_DATA: the name is there, and has no such address.
    NoData,
}

impl HostError {
    /// `h_errno`'s number.
    pub fn code(self) -> i32 {
        match self {
            HostError::NotFound => 1,
            HostError::TryAgain => 2,
            HostError::NoRecovery => 3,
            HostError::NoData => 4,
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // hstrerror(3)'s words.
        f.write_str(match self {
            HostError::NotFound => "Unknown host",
            HostError::TryAgain => "Host name lookup failure",
            HostError::NoRecovery => "Unknown server error",
            HostError::NoData => "No address associated with name",
        })
    }
}

impl std::error::Error for HostError {}

/// Why getaddrinfo(3) or getnameinfo(3) failed (`EAI_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// EAI_BADFLAGS.
    BadFlags,
    /// EAI_NONAME: nobody knows it.
    NoName,
    /// EAI_AGAIN: no server answered, or none could.
    Again,
    /// EAI_FAIL: a server said that something is wrong with the question.
    Fail,
    /// EAI_NODATA: the name is there, and has no address.
    NoData,
    /// EAI_FAMILY.
    Family,
    /// EAI_SOCKTYPE: there is no such type, or not with this protocol.
    SockType,
    /// EAI_SERVICE: there's no such service for this type.
    Service,
    /// EAI_ADDRFAMILY: an address of the other family.
    AddrFamily,
}

impl Error {
    /// Its number.
    pub fn code(self) -> i32 {
        match self {
            Error::BadFlags => -1,
            Error::NoName => -2,
            Error::Again => -3,
            Error::Fail => -4,
            Error::NoData => -5,
            Error::Family => -6,
            Error::SockType => -7,
            Error::Service => -8,
            Error::AddrFamily => -9,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // gai_strerror(3)'s words.
        f.write_str(match self {
            Error::BadFlags => "Bad value for ai_flags",
            Error::NoName => "Name or service not known",
            Error::Again => "Temporary failure in name resolution",
            Error::Fail => "Non-recoverable failure in name resolution",
            Error::NoData => "No address associated with hostname",
            Error::Family => "ai_family not supported",
            Error::SockType => "ai_socktype not supported",
            Error::Service => "Servname not supported for ai_socktype",
            Error::AddrFamily => "Address family for hostname not supported",
        })
    }
}

impl std::error::Error for Error {}

impl From<HostError> for Error {
    fn from(error: HostError) -> Error {
        match error {
            HostError::NotFound => Error::NoName,
            HostError::TryAgain => Error::Again,
            HostError::NoRecovery => Error::Fail,
            HostError::NoData => Error::NoData,
        }
    }
}
