//! Identifiers that nobody can guess (RFC 4975 §7.1, §7.1.1, §14.1), from a seed that the caller gives.
//!
//! What an identifier may look like is the business of `wire::ident`; that a transaction id is not in use, of
//! `sending`; that it is not in the body, of `chunk`.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::mutant::{self, Mutant};
use crate::wire::{MessageId, TransactionId};

/// Makes transaction ids, Message-IDs and session-ids: letters and digits from a seeded ChaCha20 stream, so
/// that a test replays octet for octet.
#[derive(Debug, Clone)]
pub struct IdSource {
    rng: ChaCha20Rng,
}

impl IdSource {
    /// A source with this seed; give it 32 octets of the operating system's randomness.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            rng: ChaCha20Rng::from_seed(seed),
        }
    }

    /// 12 characters, 71 bits.
    pub fn transaction_id(&mut self) -> TransactionId {
        let text = mutant::swap(Mutant::TransactionIdReused, self.text::<12>(), || {
            "same".into()
        });
        TransactionId::new(&text).expect("twelve letters and digits are an ident")
    }

    /// 20 characters, 119 bits.
    pub fn message_id(&mut self) -> MessageId {
        let text = mutant::swap(Mutant::MessageIdReused, self.text::<20>(), || "same".into());
        MessageId::new(&text).expect("twenty letters and digits are an ident")
    }

    /// 16 characters, 95 bits.
    pub fn session_id(&mut self) -> String {
        self.text::<16>()
    }

    /// A seed for another source.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        seed
    }

    fn text<const N: usize>(&mut self) -> String {
        const ALPHABET: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(N);
        while text.len() < N {
            for octet in self.rng.next_u64().to_le_bytes() {
                // 248 = 4 * 62: higher values would favour the first letters.
                if octet < 248 && text.len() < N {
                    text.push(char::from(ALPHABET[usize::from(octet % 62)]));
                }
            }
        }
        text
    }
}
