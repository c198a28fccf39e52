//! Shapes that a value of the file can have besides those that `serde` derives: a scalar or a list, a scalar or a
//! table, a table whose keys the author chooses.
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::Text;

/// A scalar, or a list of `T`.
#[derive(Debug)]
pub(crate) enum TextOrList<T> {
    Text(Text),
    List(Spanned<Vec<T>>),
}

/// A scalar, or a table that is a `T`.
#[derive(Debug)]
pub(crate) enum TextOrTable<T> {
    Text(Text),
    Table(Spanned<T>),
}

/// A table whose keys are names, in the order of the file.
#[derive(Debug)]
pub(crate) struct Table<V>(pub(crate) Vec<(Text, V)>);

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table(Vec::new())
    }
}

impl<T> TextOrList<T> {
    /// Where it is.
    pub(crate) fn position(&self) -> serde_saphyr::Location {
        match self {
            TextOrList::Text(text) => text.referenced,
            TextOrList::List(list) => list.referenced,
        }
    }
}

impl TextOrList<Text> {
    /// The one text, or all texts of the list.
    pub(crate) fn texts(&self) -> &[Text] {
        match self {
            TextOrList::Text(text) => std::slice::from_ref(text),
            TextOrList::List(list) => &list.value,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOrList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<ScalarOr<List<T>>>::deserialize(deserializer)?;
        let Spanned { value, referenced, defined } = spanned;
        Ok(match value {
            ScalarOr::Scalar(text) => TextOrList::Text(Spanned::new(text, referenced, defined)),
            ScalarOr::Other(List(list)) => TextOrList::List(Spanned::new(list, referenced, defined)),
        })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOrTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<ScalarOr<Fields<T>>>::deserialize(deserializer)?;
        let Spanned { value, referenced, defined } = spanned;
        Ok(match value {
            ScalarOr::Scalar(text) => TextOrTable::Text(Spanned::new(text, referenced, defined)),
            ScalarOr::Other(Fields(table)) => TextOrTable::Table(Spanned::new(table, referenced, defined)),
        })
    }
}

/// What stands in place of a scalar.
trait Alternative<'de>: Sized {
    const EXPECTED: &'static str;

    fn from_list<A: SeqAccess<'de>>(_list: A) -> Result<Self, A::Error> {
        Err(A::Error::custom(Self::EXPECTED))
    }

    fn from_table<A: MapAccess<'de>>(_table: A) -> Result<Self, A::Error> {
        Err(A::Error::custom(Self::EXPECTED))
    }
}

struct List<T>(Vec<T>);
struct Fields<T>(T);

impl<'de, T: Deserialize<'de>> Alternative<'de> for List<T> {
    const EXPECTED: &'static str = "a text or a list";

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(List)
    }
}

impl<'de, T: Deserialize<'de>> Alternative<'de> for Fields<T> {
    const EXPECTED: &'static str = "a text or a table";

    fn from_table<A: MapAccess<'de>>(table: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(Fields)
    }
}

enum ScalarOr<O> {
    Scalar(String),
    Other(O),
}

impl<'de, O: Alternative<'de>> Deserialize<'de> for ScalarOr<O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarOrVisitor(PhantomData))
    }
}

struct ScalarOrVisitor<O>(PhantomData<O>);

impl<'de, O: Alternative<'de>> Visitor<'de> for ScalarOrVisitor<O> {
    type Value = ScalarOr<O>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(O::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ScalarOr::Scalar(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(ScalarOr::Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(ScalarOr::Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(ScalarOr::Scalar(value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Self::Value, E> {
        Ok(ScalarOr::Scalar(value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Self::Value, E> {
        Ok(ScalarOr::Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(ScalarOr::Scalar(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        O::from_list(list).map(ScalarOr::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
        O::from_table(table).map(ScalarOr::Other)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Table<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData))
    }
}

struct TableVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for TableVisitor<V> {
    type Value = Table<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry::<Text, V>()? {
            entries.push(entry);
        }
        Ok(Table(entries))
    }
}
