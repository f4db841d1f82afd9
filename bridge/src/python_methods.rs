//! Methods of Python's str and list that minijinja-contrib does not have.

use minijinja::value::{from_args, Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

pub fn unknown_method(
    state: &mut State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let ours = match value.kind() {
        ValueKind::String => string_method(value.as_str().unwrap_or_default(), method, args)?,
        ValueKind::Seq => list_method(value, method, args)?,
        ValueKind::Map => map_method(value, method, args)?,
        _ => None,
    };
    match ours {
        Some(result) => Ok(result),
        None => pycompat::unknown_method_callback(state, value, method, args),
    }
}

fn string_method(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            let parts = text.split_once(separator);
            parts.map_or_else(|| triple(text, "", ""), |(a, b)| triple(a, separator, b))
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            let parts = text.rsplit_once(separator);
            parts.map_or_else(|| triple("", "", text), |(a, b)| triple(a, separator, b))
        }
        "rsplit" => rsplit(text, args)?,
        "index" => position(text.find(one_text(args)?), text)?,
        "rindex" => position(text.rfind(one_text(args)?), text)?,
        "zfill" => {
            let (width,): (usize,) = from_args(args)?;
            Value::from(zero_fill(text, width.min(MAX_WIDTH)))
        }
        "ljust" => justify(text, args, Side::Right)?,
        "rjust" => justify(text, args, Side::Left)?,
        "title" => Value::from(title(text)),
        "casefold" => Value::from(text.to_lowercase()),
        _ => return Ok(None),
    }))
}

/// Wider than any line of a prompt; templates cannot make memory of a number.
const MAX_WIDTH: usize = 4096;

enum Side {
    Left,
    Right,
}

fn one_text(args: &[Value]) -> Result<&str, Error> {
    let (text,): (&str,) = from_args(args)?;
    Ok(text)
}

fn triple(a: &str, b: &str, c: &str) -> Value {
    Value::from(Tuple::from([a, b, c].map(Value::from)))
}

fn position(at: Option<usize>, text: &str) -> Result<Value, Error> {
    let missing = || Error::new(ErrorKind::InvalidOperation, "substring not found");
    let at = at.ok_or_else(missing)?;
    Ok(Value::from(text[..at].chars().count()))
}

fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator, limit): (Option<&str>, Option<i64>) = from_args(args)?;
    let pieces = limit
        .filter(|&n| n >= 0)
        .map_or(usize::MAX, |n| n as usize + 1);
    let mut parts: Vec<&str> = match separator {
        Some(separator) => text.rsplitn(pieces, separator).collect(),
        None => split_blanks_from_right(text, pieces),
    };
    parts.reverse();
    Ok(Value::from_iter(parts))
}

/// The last piece keeps its inner blanks, as in Python.
fn split_blanks_from_right(text: &str, pieces: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let cut = rest
            .rfind(char::is_whitespace)
            .filter(|_| parts.len() + 1 < pieces);
        let Some(cut) = cut else {
            parts.push(rest.trim_start_matches(|c: char| parts.is_empty() && c.is_whitespace()));
            break;
        };
        let next = rest[cut..]
            .chars()
            .next()
            .map_or(cut, |c| cut + c.len_utf8());
        parts.push(&rest[next..]);
        rest = rest[..cut].trim_end();
    }
    parts
}

/// A letter after anything but a letter is large: "they'Re".
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_alphabetic();
    }
    out
}

fn zero_fill(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let at = usize::from(text.starts_with(['+', '-']));
    format!("{}{}{}", &text[..at], "0".repeat(missing), &text[at..])
}

fn justify(text: &str, args: &[Value], side: Side) -> Result<Value, Error> {
    let (width, fill): (usize, Option<char>) = from_args(args)?;
    let missing = width.min(MAX_WIDTH).saturating_sub(text.chars().count());
    let blanks: String = std::iter::repeat_n(fill.unwrap_or(' '), missing).collect();
    Ok(Value::from(match side {
        Side::Left => blanks + text,
        Side::Right => text.to_owned() + &blanks,
    }))
}

fn list_method(list: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    match method {
        "index" => {
            let (wanted,): (&Value,) = from_args(args)?;
            let missing = || Error::new(ErrorKind::InvalidOperation, "value is not in the list");
            let at = list.try_iter()?.position(|item| item == *wanted);
            at.map(|at| Some(Value::from(at))).ok_or_else(missing)
        }
        "copy" => Ok(Some(list.clone())),
        _ => Ok(None),
    }
}

fn map_method(map: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let () = match method {
        "copy" => from_args(args)?,
        _ => return Ok(None),
    };
    Ok(Some(map.clone()))
}
