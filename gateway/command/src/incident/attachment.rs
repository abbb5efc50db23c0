//! Pictures and voices that are kept with an incident. Here is only what is known of them; their bytes are files of the gateway's,
//! each named by its own hash, so that what is sent twice is kept once and what was altered is found out.

use media::{Place, WallTime};
use serde::{Deserialize, Serialize};

/// What sort of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A photo.
    Photo,
    /// A voice.
    Voice,
}

/// A picture or a voice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its SHA-256 in hexadecimal and what kind of file it is: `9f86…a08.jpg`.
    pub id: String,
    /// A photo or a voice.
    pub kind: Kind,
    /// Its media type.
    pub media_type: String,
    /// How long it is.
    pub bytes: u64,
    /// Pixels across, of a photo.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// Where the camera says that it was taken. For the record; guests are not shown it.
    pub place: Option<Place>,
    /// When the camera says that it was taken, as it says it (EXIF `DateTimeOriginal`, a clock of its own).
    pub taken: Option<String>,
    /// Who sent it.
    pub by: String,
    /// When it came.
    pub at: WallTime,
}

impl Attachment {
    /// Whether its id can be the name of a file.
    pub(super) fn is_sound(&self) -> bool {
        is_id(&self.id)
    }
}

/// Whether a text has the shape of an id.
pub fn is_id(text: &str) -> bool {
    let Some((hash, ending)) = text.split_once('.') else {
        return false;
    };
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    hash.len() == 64
        && hash.bytes().all(lower_hex)
        && (2..=4).contains(&ending.len())
        && ending
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
