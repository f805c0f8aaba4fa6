//! SipHash-1-3 of whole words, many messages at a time.
//!
//! SipHash waits for itself: each step needs the one before. Two rows side by side fill the time that one alone would wait, and a processor with
//! AVX-512 does the steps of eight rows with one instruction each. The hashes are those of the `siphasher` crate, as a test makes sure;
//! <https://github.com/veorq/SipHash> describes the function.

#[cfg(target_arch = "x86_64")]
mod eight;

/// A key, ready for messages.
#[derive(Clone, Copy)]
pub(crate) struct SipKey {
    key_0: u64,
    key_1: u64,
}

/// The word that ends a message of so many whole words: its length in bytes in the highest byte, and what is left of the message, here nothing.
const fn last_word(words: usize) -> u64 {
    (words as u64 * 8) << 56
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

    /// 64 bits of each message, in order.
    pub(crate) fn hash_all_64<'m>(self, messages: impl Messages<'m>, take: impl FnMut(u64)) {
        #[cfg(target_arch = "x86_64")]
        if let Some(eight) = eight::Eight::detect() {
            return in_groups(messages, |it| eight.hash_64(self, it), |it| self.hash_64(it), take);
        }
        in_groups(messages, |it: [_; 2]| self.hash_64(it), |it| self.hash_64(it), take);
    }

    /// 128 bits of each message, in order.
    pub(crate) fn hash_all_128<'m>(self, messages: impl Messages<'m>, take: impl FnMut(u128)) {
        #[cfg(target_arch = "x86_64")]
        if let Some(eight) = eight::Eight::detect() {
            return in_groups(messages, |it| eight.hash_128(self, it), |it| self.hash_128(it), take);
        }
        in_groups(messages, |it: [_; 2]| self.hash_128(it), |it| self.hash_128(it), take);
    }

    fn hash_64(self, messages: [&[[u8; 8]]; 2]) -> [u64; 2] {
        let [mut a, mut b] = self.absorbed(messages, 0);
        a.v2 ^= 0xFF;
        b.v2 ^= 0xFF;
        State::three_rounds(&mut a, &mut b);
        [a.sum(), b.sum()]
    }

    fn hash_128(self, messages: [&[[u8; 8]]; 2]) -> [u128; 2] {
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

    fn start(self, width_mark: u64) -> State {
        State {
            v0: self.key_0 ^ 0x736f_6d65_7073_6575,
            v1: self.key_1 ^ 0x646f_7261_6e64_6f6d ^ width_mark,
            v2: self.key_0 ^ 0x6c79_6765_6e65_7261,
            v3: self.key_1 ^ 0x7465_6462_7974_6573,
        }
    }

    #[inline(always)]
    fn absorbed(self, [a, b]: [&[[u8; 8]]; 2], width_mark: u64) -> [State; 2] {
        let start = self.start(width_mark);
        let (mut one, mut other) = (start, start);
        for (a, b) in a.iter().zip(b) {
            one.absorb(u64::from_le_bytes(*a));
            other.absorb(u64::from_le_bytes(*b));
        }
        let both = a.len().min(b.len());
        a[both..].iter().for_each(|it| one.absorb(u64::from_le_bytes(*it)));
        b[both..].iter().for_each(|it| other.absorb(u64::from_le_bytes(*it)));
        one.absorb(last_word(a.len()));
        other.absorb(last_word(b.len()));
        [one, other]
    }
}

/// Messages of whole words.
pub(crate) trait Messages<'m>: ExactSizeIterator<Item = &'m [[u8; 8]]> {}

impl<'m, I: ExactSizeIterator<Item = &'m [[u8; 8]]>> Messages<'m> for I {}

/// Hashes messages in groups of `N`, and what is left by twos.
#[inline(always)]
fn in_groups<'m, H: Copy, const N: usize>(
    mut messages: impl Messages<'m>,
    group: impl Fn([&[[u8; 8]]; N]) -> [H; N],
    pair: impl Fn([&[[u8; 8]]; 2]) -> [H; 2],
    mut take: impl FnMut(H),
) {
    while messages.len() >= N {
        group(std::array::from_fn(|_| messages.next().unwrap_or_default())).into_iter().for_each(&mut take);
    }
    while messages.len() > 0 {
        let left = messages.len();
        let hashes = pair([messages.next().unwrap_or_default(), messages.next().unwrap_or_default()]);
        hashes.into_iter().take(left).for_each(&mut take);
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

    use super::*;

    fn messages() -> impl Strategy<Value = Vec<Vec<[u8; 8]>>> {
        prop::collection::vec(prop::collection::vec(any::<[u8; 8]>(), 0..40), 0..20)
    }

    proptest! {
        #[test]
        fn the_hashes_are_those_of_the_siphasher_crate(key: [u8; 16], messages in messages()) {
            let wanted_64: Vec<_> = messages.iter().map(|it| SipHasher13::new_with_key(&key).hash(it.as_flattened())).collect();
            let wanted_128: Vec<_> =
                messages.iter().map(|it| SipHasher13Of128::new_with_key(&key).hash(it.as_flattened()).as_u128()).collect();
            let key = SipKey::new(&key);
            let all = || messages.iter().map(Vec::as_slice);
            let (mut found_64, mut found_128) = (Vec::new(), Vec::new());
            key.hash_all_64(all(), |it| found_64.push(it));
            key.hash_all_128(all(), |it| found_128.push(it));
            prop_assert_eq!((&found_64, &found_128), (&wanted_64, &wanted_128));
            // What processors without AVX-512 do.
            let (mut by_twos_64, mut by_twos_128) = (Vec::new(), Vec::new());
            in_groups(all(), |it: [_; 2]| key.hash_64(it), |it| key.hash_64(it), |it| by_twos_64.push(it));
            in_groups(all(), |it: [_; 2]| key.hash_128(it), |it| key.hash_128(it), |it| by_twos_128.push(it));
            prop_assert_eq!((by_twos_64, by_twos_128), (wanted_64, wanted_128));
        }
    }
}
