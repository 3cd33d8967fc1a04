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
#[derive(derive_more::Debug, Clone)]
pub struct IdSource {
    /// What the stream begins with when it is wanted next: an idle connection holds this alone.
    #[debug(skip)]
    seed: [u8; 32],
    #[debug(skip)]
    stream: Option<Box<ChaCha20Rng>>,
}

impl IdSource {
    /// A source with this seed; give it 32 octets of the operating system's randomness.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, stream: None }
    }

    /// Gives back room that is not used. What comes next is another stream.
    pub(crate) fn shrink(&mut self) {
        if self.stream.is_some() {
            self.seed = self.seed();
            self.stream = None;
        }
    }

    fn stream(&mut self) -> &mut ChaCha20Rng {
        self.stream
            .get_or_insert_with(|| Box::new(ChaCha20Rng::from_seed(self.seed)))
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

    /// 24 characters, 142 bits: a word of either side for a digest (RFC 2617 §3.2.1).
    pub fn nonce(&mut self) -> String {
        self.text::<24>()
    }

    /// Fills `octets` with letters and digits.
    pub(crate) fn fill(&mut self, octets: &mut [u8]) {
        let mut filled = 0;
        while filled < octets.len() {
            for octet in self.stream().next_u64().to_le_bytes() {
                // 248 = 4 * 62: higher values would favour the first letters.
                if octet < 248 && filled < octets.len() {
                    octets[filled] = ALPHABET[usize::from(octet % 62)];
                    filled += 1;
                }
            }
        }
    }

    /// A seed for another source.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.stream().fill_bytes(&mut seed);
        seed
    }

    fn text<const N: usize>(&mut self) -> String {
        let mut octets = [0; N];
        self.fill(&mut octets);
        octets.map(char::from).into_iter().collect()
    }
}

/// What identifiers are made of.
pub(crate) const ALPHABET: &[u8; 62] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
