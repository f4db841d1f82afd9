//! The bytes that each token adds to a text, read off the decoder's
//! description, so that no text is decoded twice while it is generated.

use crate::abi::{Failure, Outcome};
use serde_json::Value;
use std::collections::HashMap;
use tokenizers::Tokenizer;

/// What a token gives in the middle of a text, and as its first token.
pub struct TokenBytes {
    pub middle: Vec<u8>,
    pub first: Vec<u8>,
}

impl TokenBytes {
    fn same(bytes: Vec<u8>) -> TokenBytes {
        TokenBytes {
            first: bytes.clone(),
            middle: bytes,
        }
    }

    fn from_text(middle: String, first: String) -> TokenBytes {
        TokenBytes {
            middle: middle.into_bytes(),
            first: first.into_bytes(),
        }
    }
}

/// A sentencepiece-like chain: pieces are replaced, joined, then stripped.
#[derive(Default)]
pub struct Pieces {
    replace: Vec<(String, String)>,
    metaspace: Option<Metaspace>,
    byte_fallback: bool,
    fused: bool,
    strip: Option<(char, usize)>, // at the start of the whole text
}

struct Metaspace {
    replacement: char,
    drops_first: bool,
}

pub enum Scheme {
    ByteLevel(HashMap<char, u8>),
    Pieces(Pieces),
    WordPiece {
        prefix: String,
    },
    /// Decoded beside an anchor: right for decoders that look at one token
    /// at a time.
    Other {
        anchor: u32,
    },
}

impl Scheme {
    pub fn of(tokenizer: &Tokenizer) -> Outcome<Scheme> {
        let steps = decoder_steps(tokenizer)?;
        let kinds: Vec<&str> = steps.iter().map(kind).collect();
        Ok(match kinds.as_slice() {
            ["ByteLevel"] => Scheme::ByteLevel(byte_of_char()),
            ["WordPiece"] => Scheme::WordPiece {
                prefix: text(&steps[0], "prefix").unwrap_or("##").to_owned(),
            },
            _ => match read_pieces(&steps) {
                Some(pieces) => Scheme::Pieces(pieces),
                None => Scheme::Other {
                    anchor: anchor(tokenizer),
                },
            },
        })
    }

    /// Can a text be decoded token by token, exactly?
    pub fn is_exact(&self) -> bool {
        !matches!(self, Scheme::Other { .. })
    }

    pub fn bytes(&self, tokenizer: &Tokenizer, id: u32, piece: &str) -> Outcome<TokenBytes> {
        match self {
            Scheme::ByteLevel(map) => Ok(TokenBytes::same(byte_level(map, piece))),
            Scheme::Pieces(pieces) => Ok(pieces.bytes(piece)),
            Scheme::WordPiece { prefix } => word_piece(tokenizer, prefix, piece),
            Scheme::Other { anchor } => beside(tokenizer, *anchor, id),
        }
    }
}

impl Pieces {
    fn bytes(&self, piece: &str) -> TokenBytes {
        let mut piece = piece.to_owned();
        for (from, to) in &self.replace {
            piece = piece.replace(from, to);
        }
        let first = self.spaced(&piece, true);
        let middle = self.spaced(&piece, false);
        TokenBytes {
            middle: self.fall_back(middle),
            first: self.strip_start(self.fall_back(first)),
        }
    }

    fn spaced(&self, piece: &str, first: bool) -> String {
        let Some(space) = &self.metaspace else {
            return piece.to_owned();
        };
        if first && space.drops_first {
            piece.replace(space.replacement, "")
        } else {
            piece.replace(space.replacement, " ")
        }
    }

    fn fall_back(&self, piece: String) -> Vec<u8> {
        let byte = if self.byte_fallback {
            raw_byte(&piece)
        } else {
            None
        };
        byte.map_or_else(|| piece.into_bytes(), |byte| vec![byte])
    }

    fn strip_start(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let Some((content, limit)) = self.strip else {
            return bytes;
        };
        let content = content.to_string().into_bytes();
        for _ in 0..limit {
            if !bytes.starts_with(&content) {
                break;
            }
            bytes.drain(..content.len());
        }
        bytes
    }
}

/// "<0xE2>", as the ByteFallback decoder reads it.
fn raw_byte(piece: &str) -> Option<u8> {
    let hex = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    if hex.len() != 2 {
        return None;
    }
    u8::from_str_radix(hex, 16).ok()
}

/// The decoder as a flat list of steps; empty when the file has none.
fn decoder_steps(tokenizer: &Tokenizer) -> Outcome<Vec<Value>> {
    let Some(decoder) = tokenizer.get_decoder() else {
        return Ok(Vec::new());
    };
    let mut steps = Vec::new();
    flatten(
        serde_json::to_value(decoder).map_err(Failure::invalid)?,
        &mut steps,
    );
    Ok(steps)
}

fn flatten(step: Value, steps: &mut Vec<Value>) {
    match step.get("decoders").and_then(Value::as_array) {
        Some(inner) => inner.iter().for_each(|one| flatten(one.clone(), steps)),
        None => steps.push(step),
    }
}

fn kind(step: &Value) -> &str {
    text(step, "type").unwrap_or("")
}

fn text<'a>(step: &'a Value, key: &str) -> Option<&'a str> {
    step.get(key).and_then(Value::as_str)
}

fn read_pieces(steps: &[Value]) -> Option<Pieces> {
    let mut pieces = Pieces::default();
    for step in steps {
        add_step(&mut pieces, step)?;
    }
    (!steps.is_empty()).then_some(pieces)
}

/// None when the step does something that a table of tokens cannot.
fn add_step(pieces: &mut Pieces, step: &Value) -> Option<()> {
    match kind(step) {
        "Fuse" => pieces.fused = true,
        "Strip" if pieces.fused => pieces.strip = Some(read_strip(step)?),
        "ByteFallback" if !pieces.fused => pieces.byte_fallback = true,
        "Replace" if !pieces.fused && !pieces.byte_fallback => {
            let from = step.get("pattern")?.get("String")?.as_str()?.to_owned();
            pieces
                .replace
                .push((from, text(step, "content")?.to_owned()));
        }
        "Metaspace" if !pieces.fused && !pieces.byte_fallback => {
            pieces.metaspace = Some(Metaspace {
                replacement: text(step, "replacement")?.chars().next()?,
                drops_first: text(step, "prepend_scheme") != Some("never"),
            });
        }
        _ => return None,
    }
    Some(())
}

fn read_strip(step: &Value) -> Option<(char, usize)> {
    if step.get("stop")?.as_u64()? != 0 {
        return None;
    }
    let content = text(step, "content")?.chars().next()?;
    Some((content, step.get("start")?.as_u64()? as usize))
}

/// GPT-2's printable stand-ins for the 256 bytes.
fn byte_of_char() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut map = HashMap::new();
    let mut next = 0x100;
    for byte in 0..=255u8 {
        let code = if printable(byte) {
            u32::from(byte)
        } else {
            next
        };
        next += u32::from(!printable(byte));
        map.extend(char::from_u32(code).map(|letter| (letter, byte)));
    }
    map
}

/// A piece with any letter outside the map is taken as it is spelled.
fn byte_level(map: &HashMap<char, u8>, piece: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = piece.chars().map(|c| map.get(&c).copied()).collect();
    bytes.unwrap_or_else(|| piece.as_bytes().to_vec())
}

fn word_piece(tokenizer: &Tokenizer, prefix: &str, piece: &str) -> Outcome<TokenBytes> {
    let first = decode_pieces(tokenizer, vec![piece.to_owned()])?;
    let pair = decode_pieces(tokenizer, vec![prefix.to_owned(), piece.to_owned()])?;
    let alone = decode_pieces(tokenizer, vec![prefix.to_owned()])?;
    let middle = pair.strip_prefix(&alone).unwrap_or(&first).to_owned();
    Ok(TokenBytes::from_text(middle, first))
}

fn decode_pieces(tokenizer: &Tokenizer, pieces: Vec<String>) -> Outcome<String> {
    use tokenizers::Decoder;
    match tokenizer.get_decoder() {
        Some(decoder) => decoder.decode(pieces).map_err(Failure::invalid),
        None => Ok(pieces.join(" ")),
    }
}

/// A token with some text of its own, to stand before the others.
fn anchor(tokenizer: &Tokenizer) -> u32 {
    (0..tokenizer.get_vocab_size(true) as u32)
        .find(|&id| matches!(tokenizer.decode(&[id], false), Ok(text) if !text.is_empty()))
        .unwrap_or(0)
}

fn beside(tokenizer: &Tokenizer, anchor: u32, id: u32) -> Outcome<TokenBytes> {
    let decode = |ids: &[u32]| tokenizer.decode(ids, false).map_err(Failure::invalid);
    let first = decode(&[id])?;
    let alone = decode(&[anchor])?;
    let pair = decode(&[anchor, id])?;
    let middle = pair.strip_prefix(&alone).unwrap_or(&first).to_owned();
    Ok(TokenBytes::from_text(middle, first))
}
