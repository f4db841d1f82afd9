//! One tokenizer.json.

use crate::abi::{call, slice, Bytes, Failure, Ids, Outcome};
use crate::token_bytes::Scheme;
use std::sync::OnceLock;
use tokenizers::AddedToken;

/// More ids than any vocabulary has; a file that claims more is broken.
const MAX_VOCABULARY: usize = 1 << 24;

const ADD_SPECIAL: u32 = 1;
const PARSE_SPECIAL: u32 = 2;

const IS_SPECIAL: u8 = 1;
const TAKES_LEFT: u8 = 2;
const TAKES_RIGHT: u8 = 4;

const PIECES: u32 = 0;
const MIDDLE: u32 = 1;
const FIRST: u32 = 2;
const FLAGS: u32 = 3;

pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    // To spelled-out special tokens it is blind. Built when first asked for:
    // most servers never need it, and it is as large as the other.
    blind: OnceLock<tokenizers::Tokenizer>,
    scheme: Scheme,
    vocabulary: usize, // one past the largest id
}

impl Tokenizer {
    fn parse(json: &[u8]) -> Outcome<Tokenizer> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(Failure::invalid)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(Failure::invalid)?;
        let vocabulary = inner
            .get_vocab(true)
            .into_values()
            .max()
            .map_or(0, |id| id as usize + 1);
        if vocabulary > MAX_VOCABULARY {
            return Err(Failure::invalid(format!("token id {}", vocabulary - 1)));
        }
        Ok(Tokenizer {
            scheme: Scheme::of(&inner)?,
            inner,
            blind: OnceLock::new(),
            vocabulary,
        })
    }

    fn blind(&self) -> &tokenizers::Tokenizer {
        self.blind.get_or_init(|| {
            let mut blind = self.inner.clone();
            blind.set_encode_special_tokens(true);
            blind
        })
    }

    fn encode(&self, text: &[u8], flags: u32) -> Outcome<Vec<u32>> {
        let reader = if flags & PARSE_SPECIAL != 0 {
            &self.inner
        } else {
            self.blind()
        };
        let text = String::from_utf8_lossy(text);
        let encoding = reader
            .encode_fast(text.as_ref(), flags & ADD_SPECIAL != 0)
            .map_err(Failure::invalid)?;
        Ok(encoding.get_ids().to_vec())
    }

    fn decode(&self, ids: &[u32], skip_special: bool) -> Outcome<Vec<u8>> {
        let text = self.inner.decode(ids, skip_special);
        text.map(String::into_bytes).map_err(Failure::invalid)
    }

    fn added(&self, id: u32) -> Option<&AddedToken> {
        let vocabulary = self.inner.get_added_vocabulary();
        vocabulary.get_added_tokens_decoder().get(&id)
    }

    /// As people spell it. Some added tokens are kept in a normalised form,
    /// which `id_to_token` gives and decode() reads.
    fn piece(&self, id: u32, decoded: &str) -> String {
        let added = self.added(id).map(|token| token.content.clone());
        added.unwrap_or_else(|| decoded.to_owned())
    }

    fn flags(&self, id: u32) -> u8 {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        self.added(id).map_or(0, |token| {
            bit(token.special, IS_SPECIAL)
                | bit(token.lstrip, TAKES_LEFT)
                | bit(token.rstrip, TAKES_RIGHT)
        })
    }

    fn cell(&self, id: u32, column: u32) -> Outcome<Vec<u8>> {
        let Some(token) = self.inner.id_to_token(id) else {
            return Ok(Vec::new());
        };
        Ok(match column {
            PIECES => self.piece(id, &token).into_bytes(),
            FLAGS => vec![self.flags(id)],
            MIDDLE => self.scheme.bytes(&self.inner, id, &token)?.middle,
            FIRST => self.scheme.bytes(&self.inner, id, &token)?.first,
            _ => return Err(Failure::invalid(format!("column {column}"))),
        })
    }
}

/// One column of the vocabulary: all cells joined, and where each ends.
struct Column {
    joined: Vec<u8>,
    ends: Vec<u32>,
}

fn column(tokenizer: &Tokenizer, which: u32) -> Outcome<Column> {
    let mut out = Column {
        joined: Vec::new(),
        ends: Vec::with_capacity(tokenizer.vocabulary),
    };
    for id in 0..tokenizer.vocabulary as u32 {
        out.joined.extend(tokenizer.cell(id, which)?);
        out.ends.push(out.joined.len() as u32);
    }
    Ok(out)
}

#[repr(C)]
pub struct ColumnOut {
    joined: Bytes,
    ends: Ids,
}

impl From<Column> for ColumnOut {
    fn from(column: Column) -> ColumnOut {
        ColumnOut {
            joined: column.joined.into(),
            ends: column.ends.into(),
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn plb_tokenizer_new(
    json: *const u8,
    size: usize,
    out: *mut *mut Tokenizer,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || {
        Tokenizer::parse(slice(json, size)).map(|made| Box::into_raw(Box::new(made)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn plb_tokenizer_free(tokenizer: *mut Tokenizer) {
    if !tokenizer.is_null() {
        drop(Box::from_raw(tokenizer));
    }
}

#[no_mangle]
pub unsafe extern "C" fn plb_tokenizer_encode(
    tokenizer: *const Tokenizer,
    text: *const u8,
    size: usize,
    flags: u32,
    out: *mut Ids,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || (*tokenizer).encode(slice(text, size), flags))
}

#[no_mangle]
pub unsafe extern "C" fn plb_tokenizer_decode(
    tokenizer: *const Tokenizer,
    ids: *const u32,
    size: usize,
    skip_special: i32,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || {
        (*tokenizer).decode(slice(ids, size), skip_special != 0)
    })
}

#[no_mangle]
pub unsafe extern "C" fn plb_tokenizer_id(
    tokenizer: *const Tokenizer,
    piece: *const u8,
    size: usize,
    out: *mut u32,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || {
        std::str::from_utf8(slice(piece, size))
            .ok()
            .and_then(|piece| (*tokenizer).inner.token_to_id(piece))
            .ok_or_else(Failure::not_found)
    })
}

#[no_mangle]
pub unsafe extern "C" fn plb_tokenizer_column(
    tokenizer: *const Tokenizer,
    which: u32,
    out: *mut ColumnOut,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || column(&*tokenizer, which))
}

#[no_mangle]
pub unsafe extern "C" fn plb_tokenizer_is_exact(tokenizer: *const Tokenizer) -> i32 {
    i32::from((*tokenizer).scheme.is_exact())
}
