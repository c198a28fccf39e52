//! Comma-separated `key=value` lists, the long form of several flags.
use super::values::{Refused, refused};

/// True if docker takes a value for the long form: somewhere in it letters or digits stand on both sides of `=`.
pub(super) fn is_long_form(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.as_bytes().windows(3).any(|three| is_word(three[0]) && three[1] == b'=' && is_word(three[2]))
}

/// The fields of one record. A field that begins with a quote extends to the closing one, and a doubled quote
/// inside stands for a single one.
pub(super) fn fields(text: &str) -> Result<Vec<String>, Refused> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if !rest.starts_with('"') && field.contains('"') {
            return refused("a quote stands inside a field");
        }
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(fields),
            None => return refused("a quoted field goes on behind its closing quote"),
        }
    }
}

fn quoted_field(text: &str) -> Result<(String, &str), Refused> {
    let mut field = String::new();
    let mut rest = text;
    while let Some((part, behind)) = rest.split_once('"') {
        field.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, behind)),
        }
    }
    refused("a quoted field has no closing quote")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_at_commas_outside_quotes() {
        assert_eq!(fields("a=1,b=2").unwrap(), ["a=1", "b=2"]);
        assert_eq!(fields("\"a=1,2\",b=\"").unwrap_err().0, "a quote stands inside a field");
        assert_eq!(fields("\"a=\"\"x\"\"\",b").unwrap(), ["a=\"x\"", "b"]);
        assert_eq!(fields("\"a").unwrap_err().0, "a quoted field has no closing quote");
        assert!(is_long_form("target=80") && !is_long_form("8080:80") && !is_long_form("a="));
    }
}
