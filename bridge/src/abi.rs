//! What crosses the border: codes, buffers, and the wall against panics.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

pub const OK: i32 = 0;
pub const NOT_FOUND: i32 = 1;
pub const INVALID: i32 = 2;
pub const PANIC: i32 = 3;

/// A failed call: its code and a message for people.
pub struct Failure {
    pub code: i32,
    pub message: String,
}

impl Failure {
    pub fn invalid(reason: impl std::fmt::Display) -> Failure {
        Failure {
            code: INVALID,
            message: reason.to_string(),
        }
    }

    pub fn not_found() -> Failure {
        Failure {
            code: NOT_FOUND,
            message: String::new(),
        }
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// An array that Rust allocated. C++ copies it and gives it back.
#[repr(C)]
pub struct Buffer<T> {
    data: *mut T,
    size: usize,
    capacity: usize,
}

pub type Bytes = Buffer<u8>;
pub type Ids = Buffer<u32>;

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(values: Vec<T>) -> Buffer<T> {
        let mut values = std::mem::ManuallyDrop::new(values);
        Buffer {
            data: values.as_mut_ptr(),
            size: values.len(),
            capacity: values.capacity(),
        }
    }
}

impl<T> Buffer<T> {
    /// # Safety
    /// The buffer came from `Buffer::from` and is freed once.
    unsafe fn free(self) {
        if !self.data.is_null() {
            drop(Vec::from_raw_parts(self.data, self.size, self.capacity));
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn plb_bytes_free(bytes: Bytes) {
    bytes.free()
}

#[no_mangle]
pub unsafe extern "C" fn plb_ids_free(ids: Ids) {
    ids.free()
}

/// # Safety
/// `data` points to `size` readable elements, or `size` is 0.
pub unsafe fn slice<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, size)
    }
}

/// Runs one call. No panic leaves it; a failure fills `error`.
///
/// # Safety
/// `out` and `error` are writable.
pub unsafe fn call<T, R: From<T>>(
    out: *mut R,
    error: *mut Bytes,
    work: impl FnOnce() -> Outcome<T>,
) -> i32 {
    silence_panics();
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => {
            out.write(R::from(value));
            return OK;
        }
        Ok(Err(failure)) => failure,
        Err(payload) => Failure {
            code: PANIC,
            message: panic_text(payload.as_ref()),
        },
    };
    error.write(Bytes::from(failure.message.into_bytes()));
    failure.code
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("unknown"))
}

/// Panics are returned as codes; the default hook would print what may be
/// somebody's text to standard error.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}
