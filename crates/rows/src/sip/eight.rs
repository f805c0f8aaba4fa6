//! SipHash-1-3 of eight messages at a time, on processors with AVX-512: one instruction does a step of all eight.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_mask_blend_epi64, _mm512_rol_epi64, _mm512_set_epi64, _mm512_set1_epi64, _mm512_xor_si512,
};

use super::{SipKey, last_word};

/// Tells that this processor has what [`Eight`] needs.
#[derive(Clone, Copy)]
pub(crate) struct Eight(());

impl Eight {
    /// `None` on a processor without AVX-512.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    /// 64 bits of each message.
    pub(crate) fn hash_64(self, key: SipKey, messages: [&[[u8; 8]]; 8]) -> [u64; 8] {
        // SAFETY: an `Eight` is only made where the processor has AVX-512.
        unsafe { hash_64(key, messages) }
    }

    /// 128 bits of each message.
    pub(crate) fn hash_128(self, key: SipKey, messages: [&[[u8; 8]]; 8]) -> [u128; 8] {
        // SAFETY: as above.
        unsafe { hash_128(key, messages) }
    }
}

#[derive(Clone, Copy)]
struct States {
    v0: __m512i,
    v1: __m512i,
    v2: __m512i,
    v3: __m512i,
}

#[target_feature(enable = "avx512f")]
fn hash_64(key: SipKey, messages: [&[[u8; 8]]; 8]) -> [u64; 8] {
    let mut states = absorbed(key.start(0), messages);
    states.finish(0xFF);
    lanes(states.sum())
}

#[target_feature(enable = "avx512f")]
fn hash_128(key: SipKey, messages: [&[[u8; 8]]; 8]) -> [u128; 8] {
    let mut states = absorbed(key.start(0xEE), messages);
    states.finish(0xEE);
    let low = lanes(states.sum());
    states.v1 = _mm512_xor_si512(states.v1, all(0xDD));
    states.three_rounds();
    let high = lanes(states.sum());
    std::array::from_fn(|at| u128::from(high[at]) << 64 | u128::from(low[at]))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn absorbed(start: super::State, messages: [&[[u8; 8]]; 8]) -> States {
    let mut states = States { v0: all(start.v0), v1: all(start.v1), v2: all(start.v2), v3: all(start.v3) };
    let lengths = messages.map(<[_]>::len);
    let in_all = lengths.into_iter().min().unwrap_or(0);
    // Cut to one length, so that no access needs a check of its own.
    let [a, b, c, d, e, f, g, h] = messages.map(|it| &it[..in_all]);
    for at in 0..in_all {
        states.absorb(words([a[at], b[at], c[at], d[at], e[at], f[at], g[at], h[at]]));
    }
    // Messages that have ended keep their state until all have.
    for at in in_all..lengths.into_iter().max().unwrap_or(0) {
        let before = states;
        states.absorb(words(messages.map(|it| it.get(at).copied().unwrap_or_default())));
        let goes_on = (0..8).map(|lane| u8::from(at < lengths[lane]) << lane).sum();
        states = before.where_not(goes_on, states);
    }
    states.absorb(words(lengths.map(|it| last_word(it).to_le_bytes())));
    states
}

impl States {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn absorb(&mut self, word: __m512i) {
        self.v3 = _mm512_xor_si512(self.v3, word);
        self.round();
        self.v0 = _mm512_xor_si512(self.v0, word);
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn round(&mut self) {
        self.v0 = _mm512_add_epi64(self.v0, self.v1);
        self.v2 = _mm512_add_epi64(self.v2, self.v3);
        self.v1 = _mm512_xor_si512(_mm512_rol_epi64::<13>(self.v1), self.v0);
        self.v3 = _mm512_xor_si512(_mm512_rol_epi64::<16>(self.v3), self.v2);
        self.v0 = _mm512_rol_epi64::<32>(self.v0);
        self.v2 = _mm512_add_epi64(self.v2, self.v1);
        self.v0 = _mm512_add_epi64(self.v0, self.v3);
        self.v1 = _mm512_xor_si512(_mm512_rol_epi64::<17>(self.v1), self.v2);
        self.v3 = _mm512_xor_si512(_mm512_rol_epi64::<21>(self.v3), self.v0);
        self.v2 = _mm512_rol_epi64::<32>(self.v2);
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn three_rounds(&mut self) {
        for _ in 0..3 {
            self.round();
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn finish(&mut self, mark: u64) {
        self.v2 = _mm512_xor_si512(self.v2, all(mark));
        self.three_rounds();
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn sum(&self) -> __m512i {
        _mm512_xor_si512(_mm512_xor_si512(self.v0, self.v1), _mm512_xor_si512(self.v2, self.v3))
    }

    /// These states, and those of `other` where the lane's bit of `mask` is set.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn where_not(self, mask: u8, other: Self) -> Self {
        Self {
            v0: _mm512_mask_blend_epi64(mask, self.v0, other.v0),
            v1: _mm512_mask_blend_epi64(mask, self.v1, other.v1),
            v2: _mm512_mask_blend_epi64(mask, self.v2, other.v2),
            v3: _mm512_mask_blend_epi64(mask, self.v3, other.v3),
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(word: u64) -> __m512i {
    _mm512_set1_epi64(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn words(words: [[u8; 8]; 8]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = words.map(i64::from_le_bytes);
    // The last lane comes first.
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

/// The words of all lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(words: __m512i) -> [u64; 8] {
    // SAFETY: both are 64 bytes that mean the same, whatever they are.
    unsafe { std::mem::transmute::<__m512i, [u64; 8]>(words) }
}
