// SPDX-License-Identifier: GPL-2.0-only

//! What can be asked of the index, and what it answers.

use super::record::{Data, Name};

/// The driver's name for a request; one that is not answered yet has no namesake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(
    /// Chosen by the driver.
    pub u32,
);

/// What is wanted. What each does to the index:
///
/// | request | the name is known | it is not |
/// |---|---|---|
/// | [`Post`](Self::Post) | answers the old data, which moves to the open chapter | the new data enters the open chapter |
/// | [`Update`](Self::Update) | answers the old data; the new data takes its place | the new data enters the open chapter |
/// | [`Query`](Self::Query) | answers the data, which moves to the open chapter | nothing |
/// | [`Peek`](Self::Peek) | answers the data | nothing |
/// | [`Delete`](Self::Delete) | the name is forgotten | nothing |
///
/// A deletion is weak: the record stays on the disk, and may be known again after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestKind {
    /// Look the name up; give it this data if it has none.
    Post(Data),
    /// Give the name this data.
    Update(Data),
    /// Look the name up, and keep it for as long as a new one.
    Query,
    /// Look the name up and change nothing: a query without update.
    Peek,
    /// Forget the name.
    Delete,
}

/// A request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Whose answer it is.
    pub id: RequestId,
    /// What is wanted.
    pub kind: RequestKind,
    /// The name that it is about.
    pub name: Name,
}

/// Where a record was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the chapter that is being filled.
    Open,
    /// In a chapter all of whose names are in memory; the chapter being written is one of them.
    Dense,
    /// In an old chapter of a sparse index.
    Sparse,
}

/// Why a request was not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// The index is not loaded yet.
    Loading,
    /// The index is suspended.
    Suspended,
    /// A write has failed; nothing is served until the index is loaded again.
    Failed,
}

/// The answer to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The name was known.
    Found {
        /// Its data before the request.
        data: Data,
        /// Where that was.
        place: Place,
    },
    /// The name was not known.
    Absent,
    /// Nothing was looked up and nothing changed.
    Unavailable(Unavailable),
}
