//! Small JSON files, read by pointer (RFC 6901).

use crate::abi::{call, slice, Bytes, Failure, Outcome};
use serde_json::Value;

pub struct Document {
    root: Value,
}

fn parse(text: &[u8]) -> Outcome<*mut Document> {
    let root = serde_json::from_slice(text).map_err(Failure::invalid)?;
    Ok(Box::into_raw(Box::new(Document { root })))
}

fn find_string(document: &Document, pointer: &[u8]) -> Outcome<Vec<u8>> {
    let pointer = std::str::from_utf8(pointer).map_err(Failure::invalid)?;
    match document.root.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone().into_bytes()),
        _ => Err(Failure::not_found()),
    }
}

#[no_mangle]
pub unsafe extern "C" fn plb_json_new(
    text: *const u8,
    size: usize,
    out: *mut *mut Document,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || parse(slice(text, size)))
}

#[no_mangle]
pub unsafe extern "C" fn plb_json_free(document: *mut Document) {
    if !document.is_null() {
        drop(Box::from_raw(document));
    }
}

#[no_mangle]
pub unsafe extern "C" fn plb_json_string(
    document: *const Document,
    pointer: *const u8,
    size: usize,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || find_string(&*document, slice(pointer, size)))
}
