//! json.dumps as Python writes it: separators, escapes, floats. Prompts were
//! trained on exactly these bytes.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use std::fmt::Write;

/// Values nested deeper than this are not JSON that a client sent.
const MAX_DEPTH: usize = 256;

struct Style {
    ensure_ascii: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

/// The filter `tojson` with the arguments that transformers gives it.
pub fn tojson(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let argument = |at: usize, name: &str| match positional.get(at) {
        Some(value) => Ok(value.clone()),
        None => named
            .get::<Option<Value>>(name)
            .map(Option::unwrap_or_default),
    };
    let ensure_ascii = argument(0, "ensure_ascii")?.is_true();
    let indent = read_indent(argument(1, "indent")?)?;
    let separators = read_separators(argument(2, "separators")?, indent.is_some())?;
    let style = Style {
        ensure_ascii,
        indent,
        item_separator: separators.0,
        key_separator: separators.1,
        sort_keys: argument(3, "sort_keys")?.is_true(),
    };
    named.assert_all_used()?;
    let mut out = String::new();
    write_value(&mut out, value, &style, 0)?;
    Ok(Value::from(out))
}

fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

fn is_absent(value: &Value) -> bool {
    value.is_none() || value.is_undefined()
}

fn read_indent(value: Value) -> Result<Option<String>, Error> {
    if is_absent(&value) {
        return Ok(None);
    }
    if let Some(text) = value.as_str() {
        return Ok(Some(text.to_owned()));
    }
    let width = i64::try_from(value)?.clamp(0, 64);
    Ok(Some(" ".repeat(width as usize)))
}

fn read_separators(value: Value, indented: bool) -> Result<(String, String), Error> {
    if is_absent(&value) {
        let item = if indented { "," } else { ", " };
        return Ok((item.to_owned(), ": ".to_owned()));
    }
    let parts: Vec<Value> = value.try_iter()?.collect();
    match parts.as_slice() {
        [item, key] => Ok((item.to_string(), key.to_string())),
        _ => Err(invalid("tojson: separators must be a pair of strings")),
    }
}

fn write_value(out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(invalid("tojson: nested too deeply"));
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&number(value)?),
        ValueKind::String => write_string(out, value.as_str().unwrap_or_default(), style),
        ValueKind::Seq | ValueKind::Iterable => write_list(out, value, style, depth)?,
        ValueKind::Map => write_map(out, value, style, depth)?,
        kind => return Err(invalid(format!("tojson: {kind} is not JSON"))),
    }
    Ok(())
}

fn write_list(out: &mut String, list: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    out.push('[');
    let mut empty = true;
    for item in list.try_iter()? {
        begin_item(out, style, depth + 1, empty);
        empty = false;
        write_value(out, &item, style, depth + 1)?;
    }
    end_items(out, style, depth, empty);
    out.push(']');
    Ok(())
}

fn write_map(out: &mut String, map: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    out.push('{');
    let mut keys: Vec<Value> = map.try_iter()?.collect();
    if style.sort_keys {
        keys.sort();
    }
    for (at, key) in keys.iter().enumerate() {
        begin_item(out, style, depth + 1, at == 0);
        write_string(out, &key_text(key)?, style);
        out.push_str(&style.key_separator);
        write_value(out, &map.get_item(key)?, style, depth + 1)?;
    }
    end_items(out, style, depth, keys.is_empty());
    out.push('}');
    Ok(())
}

fn begin_item(out: &mut String, style: &Style, depth: usize, first: bool) {
    if !first {
        out.push_str(&style.item_separator);
    }
    new_line(out, style, depth);
}

fn end_items(out: &mut String, style: &Style, depth: usize, empty: bool) {
    if !empty {
        new_line(out, style, depth);
    }
}

fn new_line(out: &mut String, style: &Style, depth: usize) {
    if let Some(indent) = &style.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(indent.as_str(), depth));
    }
}

fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.to_string()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => number(key),
        kind => Err(invalid(format!("tojson: {kind} is not a key"))),
    }
}

fn number(value: &Value) -> Result<String, Error> {
    if value.is_integer() {
        return Ok(value.to_string());
    }
    let number = f64::try_from(value.clone())?;
    Ok(match number {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ if number.is_nan() => "NaN".to_owned(),
        _ => float(number),
    })
}

/// Python's repr: the shortest digits, an exponent below 1e-4 and from 1e16.
pub fn float(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string().to_lowercase();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = number.to_string();
    if plain.contains('.') {
        plain
    } else {
        plain + ".0"
    }
}

fn write_string(out: &mut String, text: &str, style: &Style) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => escape(out, letter),
            // Noncharacters with which the caller marks text; they must come
            // out as they went in.
            '\u{fdd0}'..='\u{fdef}' => out.push(letter),
            '\u{7f}'.. if style.ensure_ascii => escape(out, letter),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, letter: char) {
    let mut units = [0u16; 2];
    for unit in letter.encode_utf16(&mut units) {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}
