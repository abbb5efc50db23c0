//! What is said to a person: in English, and as a code with values, from which a page says it in its reader's language.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// A code with its values: the page has a sentence for each code, in both languages (`web-ui/src/i18n/texts/said.ts`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// Kebab-case.
    pub code: Cow<'static, str>,
    /// What its sentence names: `{most}` of "longer than {most} characters". Flat beside the code in JSON.
    #[serde(flatten)]
    pub values: BTreeMap<Cow<'static, str>, String>,
}

/// A sentence in both shapes. Made by [`said!`](crate::said!), so that they cannot differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// In English.
    pub text: String,
    /// For other languages.
    #[serde(rename = "said")]
    pub words: Words,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Said> for String {
    fn from(said: Said) -> Self {
        said.text
    }
}

/// A code with its values: `words!("too-long", most = 100)`. A value's name may not be `code`.
#[macro_export]
macro_rules! words {
    ($code:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::said::Words {
            code: ::std::borrow::Cow::Borrowed($code),
            values: ::std::iter::IntoIterator::into_iter([$((
                ::std::borrow::Cow::Borrowed(::std::stringify!($name)),
                ::std::string::ToString::to_string(&$value),
            )),*]).collect(),
        }
    };
}

/// A [`Said`]: its code, its English with `{name}` for every value, and the values.
///
/// ```
/// let said = media::said!("too-long", "longer than {most} characters", most = 100);
/// assert_eq!(said.text, "longer than 100 characters");
/// assert_eq!(
///     serde_json::to_value(&said.words).unwrap(),
///     serde_json::json!({"code": "too-long", "most": "100"})
/// );
/// ```
#[macro_export]
macro_rules! said {
    ($code:literal, $text:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::said::Said {
            text: ::std::format!($text $(, $name = $value)*),
            words: $crate::words!($code $(, $name = $value)*),
        }
    };
}
