//! XML of devices as a small tree, without namespaces: every maker has prefixes of its own.

use quick_xml::{Reader, events::Event};

/// The longest document that is read, bytes.
pub const MAX_BYTES: usize = 512 * 1024;
/// Elements within elements.
const MAX_DEPTH: usize = 48;
/// Elements of a document.
const MAX_NODES: usize = 20_000;

/// An element: its name without a prefix, its text, its attributes, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Without its prefix.
    pub name: String,
    /// All its own text, trimmed.
    pub text: String,
    /// Names without prefixes; declarations of namespaces are left out.
    pub attributes: Vec<(String, String)>,
    /// The elements in it.
    pub children: Vec<Node>,
}

/// Why a document is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is too large in some way.
    #[error("XML that is too large: {0}")]
    TooLarge(&'static str),
    /// It is no XML, or of a kind that is not read.
    #[error("no XML that is understood: {0}")]
    Format(String),
}

impl Node {
    /// The first child of a name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    /// Every child of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The first element down a path of names.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.child(name))
    }

    /// The text down a path; empty where there is none.
    pub fn text_at(&self, path: &[&str]) -> &str {
        self.at(path).map_or("", |n| n.text.as_str())
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str())
    }

    /// The first element of a name, at any depth; itself too.
    pub fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|c| c.find(name))
    }
}

/// Reads a document.
///
/// # Errors
/// Where it is larger than the bounds, no XML, or has a DTD.
pub fn parse(bytes: &[u8]) -> Result<Node, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge("more than 512 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Error::Format(e.to_string()))?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open = vec![Node::default()];
    let mut nodes = 0usize;
    let broken = |e: &dyn std::fmt::Display| Error::Format(e.to_string());
    loop {
        match reader.read_event().map_err(|e| broken(&e))? {
            Event::Start(element) => {
                let node = start(&element)?;
                nodes += 1;
                if nodes > MAX_NODES {
                    return Err(Error::TooLarge("more than 20,000 elements"));
                }
                if open.len() > MAX_DEPTH {
                    return Err(Error::TooLarge("more than 48 elements within each other"));
                }
                open.push(node);
            }
            Event::Empty(element) => {
                let node = start(&element)?;
                nodes += 1;
                if nodes > MAX_NODES {
                    return Err(Error::TooLarge("more than 20,000 elements"));
                }
                if let Some(parent) = open.last_mut() {
                    parent.children.push(node);
                }
            }
            Event::End(_) => {
                let Some(mut node) = open.pop() else {
                    return Err(Error::Format("an end without a start".into()));
                };
                node.text = node.text.trim().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => return Err(Error::Format("an end without a start".into())),
                }
            }
            Event::Text(part) => append(
                &mut open,
                &part.xml_content(quick_xml::XmlVersion::Implicit1_0),
            ),
            Event::CData(part) => append(
                &mut open,
                &part.xml_content(quick_xml::XmlVersion::Implicit1_0),
            ),
            Event::GeneralRef(entity) => {
                let resolved = entity.resolve_char_ref().map_err(|e| broken(&e))?;
                let name = entity.xml_content(quick_xml::XmlVersion::Implicit1_0);
                let text = match (resolved, name.as_ref()) {
                    (Some(c), _) => c,
                    (None, "amp") => '&',
                    (None, "lt") => '<',
                    (None, "gt") => '>',
                    (None, "quot") => '"',
                    (None, "apos") => '\'',
                    (None, other) => {
                        return Err(Error::Format(format!("an entity '{other}'")));
                    }
                };
                append(&mut open, text.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(Error::Format("it has a DTD".into())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if open.len() != 1 {
        return Err(Error::Format("it ends in the middle".into()));
    }
    let mut root = open.pop().unwrap_or_default();
    root.children
        .pop()
        .ok_or_else(|| Error::Format("it is empty".into()))
}

fn append(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

fn start(element: &quick_xml::events::BytesStart<'_>) -> Result<Node, Error> {
    let broken = |e: &dyn std::fmt::Display| Error::Format(e.to_string());
    let mut attributes = Vec::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|e| broken(&e))?;
        let name: &str = attribute.key.as_ref();
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|e| broken(&e))?;
        attributes.push((local(name), value.into_owned()));
    }
    Ok(Node {
        name: local(element.name().as_ref()),
        text: String::new(),
        attributes,
        children: Vec::new(),
    })
}

/// A text as it may stand in an element or an attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // What XML 1.0 has no place for.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prefixes_do_not_matter_and_entities_do() {
        let node = parse(
            br#"<?xml version="1.0"?><s:E xmlns:s="x"><s:Body><tt:Name token="a&amp;b">A &lt;B&#x4e00;</tt:Name><x/></s:Body></s:E>"#,
        )
        .unwrap();
        let name = node.at(&["Body", "Name"]).unwrap();
        assert_eq!(
            (name.text.as_str(), name.attribute("token")),
            ("A <B一", Some("a&b"))
        );
        assert!(node.find("x").is_some() && node.find("y").is_none());
    }

    #[test]
    fn what_would_grow_or_reach_out_is_refused() {
        let bomb = br#"<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>"#;
        assert!(matches!(parse(bomb), Err(Error::Format(_))));
        assert!(matches!(parse(b"<a>&unknown;</a>"), Err(Error::Format(_))));
        let deep = "<a>".repeat(100);
        assert!(matches!(parse(deep.as_bytes()), Err(Error::TooLarge(_))));
        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_NODES + 1));
        assert!(matches!(parse(many.as_bytes()), Err(Error::TooLarge(_))));
        assert!(matches!(
            parse(&vec![b' '; MAX_BYTES + 1]),
            Err(Error::TooLarge(_))
        ));
        for broken in ["", "<a>", "</a>", "<a></b>", "text"] {
            assert!(parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_text_comes_back(text in "[ -~\u{4e00}-\u{4eff}]{0,40}") {
            let node = parse(format!("<a b=\"{0}\">{0}</a>", escape(&text)).as_bytes()).unwrap();
            prop_assert_eq!(node.text.as_str(), text.trim());
            prop_assert_eq!(node.attribute("b"), Some(text.as_str()));
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
