//! FNV-1a 64 digests of the trace and of component state.
use std::fmt::{self, Write as _};

use super::{SimDuration, SimTime};

/// A running FNV-1a 64 hash over fixed-width fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// No text has this byte.
const END_OF_TEXT: u8 = 0xff;

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

impl Default for Digest {
    fn default() -> Self {
        Digest::new()
    }
}

impl Digest {
    /// The digest of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Digest(OFFSET_BASIS)
    }

    /// The hash of all that was added so far.
    #[must_use]
    pub const fn finish(self) -> u64 {
        self.0
    }

    /// Adds raw bytes without their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }

    /// Adds eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Adds eight bytes.
    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Adds four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Adds one byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Adds one byte.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Adds a point in time.
    pub fn time(&mut self, time: SimTime) {
        self.u64(time.as_nanos());
    }

    /// Adds a span of time.
    pub fn duration(&mut self, span: SimDuration) {
        self.u64(span.as_nanos());
    }

    /// Adds a text with its length.
    pub fn text(&mut self, text: &str) {
        self.u64(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// Adds what a value shows for debugging, for values with many fields that are hashed seldom.
    pub fn debug(&mut self, value: &impl fmt::Debug) {
        write!(self, "{value:?}").expect("a digest takes everything");
        self.u8(END_OF_TEXT);
    }

    /// Adds a length, then every item in the order given.
    pub fn sequence<T: StateDigest>(&mut self, items: impl ExactSizeIterator<Item = T>) {
        self.u64(items.len() as u64);
        for item in items {
            item.digest(self);
        }
    }
}

/// State that goes into the state hash. Implementations destructure without `..`, so that a new field does
/// not compile until somebody has decided about it.
pub trait StateDigest {
    /// Adds the whole state.
    fn digest(&self, digest: &mut Digest);
}

impl<T: StateDigest + ?Sized> StateDigest for &T {
    fn digest(&self, digest: &mut Digest) {
        (**self).digest(digest);
    }
}

impl<T: StateDigest + ?Sized> StateDigest for std::sync::Arc<T> {
    fn digest(&self, digest: &mut Digest) {
        (**self).digest(digest);
    }
}

impl<T: StateDigest> StateDigest for Option<T> {
    fn digest(&self, digest: &mut Digest) {
        digest.bool(self.is_some());
        if let Some(value) = self {
            value.digest(digest);
        }
    }
}

impl<T: StateDigest> StateDigest for [T] {
    fn digest(&self, digest: &mut Digest) {
        digest.sequence(self.iter());
    }
}

impl<T: StateDigest> StateDigest for Vec<T> {
    fn digest(&self, digest: &mut Digest) {
        self.as_slice().digest(digest);
    }
}

impl<A: StateDigest, B: StateDigest> StateDigest for (A, B) {
    fn digest(&self, digest: &mut Digest) {
        self.0.digest(digest);
        self.1.digest(digest);
    }
}

impl<K: StateDigest, V: StateDigest> StateDigest for std::collections::BTreeMap<K, V> {
    fn digest(&self, digest: &mut Digest) {
        digest.sequence(self.iter());
    }
}

impl<T: StateDigest> StateDigest for std::collections::BTreeSet<T> {
    fn digest(&self, digest: &mut Digest) {
        digest.sequence(self.iter());
    }
}

impl<T: StateDigest> StateDigest for std::collections::VecDeque<T> {
    fn digest(&self, digest: &mut Digest) {
        digest.sequence(self.iter());
    }
}

macro_rules! digest_plain {
    ($($type:ty => $method:ident),* $(,)?) => {$(
        impl StateDigest for $type {
            fn digest(&self, digest: &mut Digest) {
                digest.$method(*self);
            }
        }
    )*};
}

digest_plain!(u64 => u64, i64 => i64, u32 => u32, u8 => u8, bool => bool, SimTime => time, SimDuration => duration);

impl StateDigest for usize {
    fn digest(&self, digest: &mut Digest) {
        digest.u64(*self as u64);
    }
}

impl StateDigest for u16 {
    fn digest(&self, digest: &mut Digest) {
        digest.u32(u32::from(*self));
    }
}

impl StateDigest for std::net::Ipv4Addr {
    fn digest(&self, digest: &mut Digest) {
        digest.u32(self.to_bits());
    }
}

impl StateDigest for str {
    fn digest(&self, digest: &mut Digest) {
        digest.text(self);
    }
}

impl StateDigest for String {
    fn digest(&self, digest: &mut Digest) {
        digest.text(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_fnv_1a_test_vectors() {
        let hash = |text: &str| {
            let mut digest = Digest::new();
            digest.bytes(text.as_bytes());
            digest.finish()
        };
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }
}
