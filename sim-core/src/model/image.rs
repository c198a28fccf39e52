//! Image references: `[domain[:port]/]path[:tag][@digest]`.
use std::fmt;

const DEFAULT_DOMAIN: &str = "docker.io";
const DEFAULT_TAG: &str = "latest";
/// Where the images without an owner live, on the default domain.
const OFFICIAL: &str = "library";

/// A well-formed image reference. It prints in docker's short form, without what goes without saying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageReference<'a> {
    /// Registry; none: docker's own.
    domain: Option<&'a str>,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> ImageReference<'a> {
    /// Reads a reference. A bare image id is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() == 64 && text.bytes().all(is_lower_hex) {
            return None;
        }
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let (name, tag) = split_tag(rest);
        let (domain, path) = split_domain(name);
        let parses = domain.is_none_or(domain_parses)
            && path.split('/').all(path_component_parses)
            && tag.is_none_or(tag_parses)
            && digest.is_none_or(digest_parses);
        let domain = domain.filter(|domain| ![DEFAULT_DOMAIN, "index.docker.io"].contains(domain));
        parses.then_some(ImageReference { domain, path, tag, digest })
    }

    /// The reference with the default tag, if it has neither tag nor digest.
    #[must_use]
    pub fn tagged(self) -> Self {
        let named_only = self.tag.is_none() && self.digest.is_none();
        ImageReference { tag: if named_only { Some(DEFAULT_TAG) } else { self.tag }, ..self }
    }

    /// The reference without its digest, if it has a tag besides.
    #[must_use]
    pub fn without_digest(self) -> Self {
        ImageReference { digest: self.digest.filter(|_| self.tag.is_none()), ..self }
    }
}

impl fmt::Display for ImageReference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageReference { domain, path, tag, digest } = self;
        match (domain, path.split_once('/')) {
            (Some(domain), _) => write!(f, "{domain}/{path}")?,
            (None, Some((OFFICIAL, rest))) if !rest.contains('/') => f.write_str(rest)?,
            (None, _) => f.write_str(path)?,
        }
        if let Some(tag) = tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// A colon behind the last slash begins the tag; one before it begins a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rfind(':') {
        Some(colon) if !text[colon..].contains('/') => (&text[..colon], Some(&text[colon + 1..])),
        Some(_) | None => (text, None),
    }
}

/// The first component is a registry if it looks like a host: with a dot, a port, a capital, or `localhost`.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first =>
        {
            (Some(first), rest)
        }
        Some(_) | None => (None, name),
    }
}

fn domain_parses(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().last()];
        ends.iter().all(|byte| byte.is_some_and(|byte| byte.is_ascii_alphanumeric()))
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let port_parses = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host.split('.').all(label) && port.is_none_or(port_parses)
}

/// Small letters and digits, with one dot, one or two underscores, or any number of dashes between them.
fn path_component_parses(component: &str) -> bool {
    let alphanumeric = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let separator_parses =
        |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    component.starts_with(alphanumeric)
        && component.ends_with(alphanumeric)
        && component.split(alphanumeric).all(separator_parses)
}

fn tag_parses(tag: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    (1..=128).contains(&tag.len())
        && tag.starts_with(word)
        && tag.chars().all(|character| word(character) || ".-".contains(character))
}

fn digest_parses(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_lower_hex))
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tagged(text: &str) -> String {
        ImageReference::parse(text).map_or("-".to_owned(), |image| image.tagged().to_string())
    }

    #[test]
    fn what_goes_without_saying_is_left_out_but_the_tag() {
        assert_eq!(tagged("nginx"), "nginx:latest");
        assert_eq!(tagged("docker.io/library/nginx:1.28"), "nginx:1.28");
        assert_eq!(tagged("index.docker.io/team/app"), "team/app:latest");
        assert_eq!(tagged("library/a/b"), "library/a/b:latest");
        assert_eq!(tagged("localhost:5000/library/nginx"), "localhost:5000/library/nginx:latest");
    }

    #[test]
    fn only_a_tagged_image_loses_its_digest() {
        let digest = format!("@sha256:{}", "0a".repeat(32));
        let bare = format!("nginx{digest}");
        let both = format!("nginx:1.28{digest}");
        assert_eq!(tagged(&bare), bare);
        assert_eq!(ImageReference::parse(&bare).unwrap().without_digest().to_string(), bare);
        assert_eq!(ImageReference::parse(&both).unwrap().without_digest().to_string(), "nginx:1.28");
    }

    #[test]
    fn malformed_references_are_none() {
        for text in [
            "",
            "Nginx",
            "nginx:",
            "my..image",
            "a___b",
            "-a",
            "a//b",
            "x@sha256:12",
            "Host/-x",
            &"0a".repeat(32),
        ] {
            assert_eq!(tagged(text), "-", "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_short_form_means_the_same(
            // Docker itself shortens `docker.io/a.b/c` to `a.b/c`, which is read as a host: no dots before a slash.
            text in "((docker.io|localhost:5000|quay.io)/)?(library/)?([a-z0-9._-]{1,8}|[a-z0-9_-]{1,8}/[a-z]{1,3})(:[a-zA-Z0-9._-]{1,4})?",
        ) {
            if let Some(image) = ImageReference::parse(&text) {
                let short = image.tagged().to_string();
                let again = ImageReference::parse(&short).expect("the short form parses");
                prop_assert_eq!(again.tagged().to_string(), short);
            }
        }
    }
}
