//! SipHash-1-3 of whole words, two messages at a time.
//!
//! SipHash waits for itself: each step needs the one before. Two rows side by side fill the time that one alone would wait. The hashes are those
//! of the `siphasher` crate, as a test makes sure; <https://github.com/veorq/SipHash> describes the function.

/// A key, ready for messages.
#[derive(Clone, Copy)]
pub(crate) struct SipKey {
    key_0: u64,
    key_1: u64,
}

#[derive(Clone, Copy)]
struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl SipKey {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        let (words, _) = key.as_chunks::<8>();
        Self { key_0: u64::from_le_bytes(words[0]), key_1: u64::from_le_bytes(words[1]) }
    }

    /// 64 bits of each of two messages, whose lengths are multiples of eight bytes.
    pub(crate) fn hash_64(self, messages: [&[u8]; 2]) -> [u64; 2] {
        let [mut a, mut b] = self.absorbed(messages, 0);
        a.v2 ^= 0xFF;
        b.v2 ^= 0xFF;
        State::three_rounds(&mut a, &mut b);
        [a.sum(), b.sum()]
    }

    /// 128 bits of each of two messages, whose lengths are multiples of eight bytes.
    pub(crate) fn hash_128(self, messages: [&[u8]; 2]) -> [u128; 2] {
        let [mut a, mut b] = self.absorbed(messages, 0xEE);
        a.v2 ^= 0xEE;
        b.v2 ^= 0xEE;
        State::three_rounds(&mut a, &mut b);
        let low = [a.sum(), b.sum()];
        a.v1 ^= 0xDD;
        b.v1 ^= 0xDD;
        State::three_rounds(&mut a, &mut b);
        [u128::from(a.sum()) << 64 | u128::from(low[0]), u128::from(b.sum()) << 64 | u128::from(low[1])]
    }

    #[inline(always)]
    fn absorbed(self, [a, b]: [&[u8]; 2], width_mark: u64) -> [State; 2] {
        let start = State {
            v0: self.key_0 ^ 0x736f_6d65_7073_6575,
            v1: self.key_1 ^ 0x646f_7261_6e64_6f6d ^ width_mark,
            v2: self.key_0 ^ 0x6c79_6765_6e65_7261,
            v3: self.key_1 ^ 0x7465_6462_7974_6573,
        };
        let (mut one, mut other) = (start, start);
        let (a_words, b_words) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
        debug_assert!(a.len() % 8 == 0 && b.len() % 8 == 0);
        for (a, b) in a_words.iter().zip(b_words) {
            one.absorb(u64::from_le_bytes(*a));
            other.absorb(u64::from_le_bytes(*b));
        }
        let both = a_words.len().min(b_words.len());
        a_words[both..].iter().for_each(|it| one.absorb(u64::from_le_bytes(*it)));
        b_words[both..].iter().for_each(|it| other.absorb(u64::from_le_bytes(*it)));
        // The last word has the length in its highest byte, and what is left of the message, here nothing.
        one.absorb((a.len() as u64) << 56);
        other.absorb((b.len() as u64) << 56);
        [one, other]
    }
}

impl State {
    #[inline(always)]
    fn absorb(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.v0 ^= word;
    }

    #[inline(always)]
    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }

    #[inline(always)]
    fn three_rounds(one: &mut Self, other: &mut Self) {
        for _ in 0..3 {
            one.round();
            other.round();
        }
    }

    fn sum(&self) -> u64 {
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use siphasher::{sip::SipHasher13, sip128::SipHasher13 as SipHasher13Of128};

    use super::SipKey;

    fn words() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u64>(), 0..40).prop_map(|it| it.into_iter().flat_map(u64::to_le_bytes).collect())
    }

    proptest! {
        #[test]
        fn the_hashes_are_those_of_the_siphasher_crate(key: [u8; 16], one in words(), other in words()) {
            let messages = [one.as_slice(), &other];
            prop_assert_eq!(SipKey::new(&key).hash_64(messages), messages.map(|it| SipHasher13::new_with_key(&key).hash(it)));
            let wanted = messages.map(|it| SipHasher13Of128::new_with_key(&key).hash(it).as_u128());
            prop_assert_eq!(SipKey::new(&key).hash_128(messages), wanted);
        }
    }
}
