//! Filters and tests where Jinja2 and minijinja differ and templates notice.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{filters, tests, Environment, Error, Output, State, Value};

use crate::python_json;

/// Wider than any template needs; a client's number may get here.
const MOST_MARGIN: i64 = 64;

pub fn add_to(environment: &mut Environment) {
    environment.add_filter("tojson", python_json::tojson);
    environment.add_filter("sort", sort);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("indent", indent);
    environment.add_test("sequence", is_sequence);
    environment.add_test("iterable", is_iterable);
    environment.set_formatter(print);
}

/// Jinja2 takes the options of `sort` by place too.
fn sort(state: &State, value: Value, places: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let names = ["reverse", "case_sensitive", "attribute"];
    let placed = names.into_iter().zip(places.iter().cloned());
    let options: Vec<(&str, Value)> = named
        .args()
        .map(|name| Ok((name, named.get::<Value>(name)?)))
        .chain(placed.map(Ok))
        .collect::<Result<_, Error>>()?;
    let sorted = filters::sort(state, value, options.into_iter().collect())?;
    named.assert_all_used()?;
    Ok(sorted)
}

/// What is no number becomes the default.
fn int(value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let default = fallback(default, &named, Value::from(0))?;
    if let Ok(whole) = i128::try_from(value.clone()) {
        return Ok(Value::from(whole));
    }
    let text = value.as_str().unwrap_or_default().trim();
    if let Ok(whole) = text.parse::<i128>() {
        return Ok(Value::from(whole));
    }
    let number = f64::try_from(value.clone()).or_else(|_| text.parse::<f64>());
    Ok(match number {
        Ok(number) if number.is_finite() => Value::from(number.trunc() as i128),
        _ => default,
    })
}

fn float(value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let default = fallback(default, &named, Value::from(0.0))?;
    let text = value.as_str().unwrap_or_default().trim();
    let number = f64::try_from(value.clone()).or_else(|_| text.parse::<f64>());
    Ok(number.map_or(default, Value::from))
}

/// Keeps a line break at the end, as Jinja2 does. The width may be a text.
fn indent(text: &str, places: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let argument = |at: usize, name: &str| match places.get(at) {
        Some(value) => Ok(Some(value.clone())),
        None => named.get::<Option<Value>>(name),
    };
    let margin = margin_of(argument(0, "width")?)?;
    let first = argument(1, "first")?.is_some_and(|value| value.is_true());
    let blank = argument(2, "blank")?.is_some_and(|value| value.is_true());
    named.assert_all_used()?;
    let mut out = String::new();
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if if at == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&margin);
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn margin_of(width: Option<Value>) -> Result<String, Error> {
    let width = width.unwrap_or(Value::from(4));
    if let Some(margin) = width.as_str() {
        return Ok(margin.to_owned());
    }
    Ok(" ".repeat(i64::try_from(width)?.clamp(0, MOST_MARGIN) as usize))
}

fn fallback(default: Option<Value>, named: &Kwargs, usual: Value) -> Result<Value, Error> {
    let default = match default {
        Some(default) => Some(default),
        None => named.get::<Option<Value>>("default")?,
    };
    named.assert_all_used()?;
    Ok(default.unwrap_or(usual))
}

/// Python asks for a length and an index, which strings and dicts have too.
fn is_sequence(value: &Value) -> bool {
    use ValueKind::{Map, Seq, String, Undefined};
    matches!(value.kind(), Seq | String | Map | Undefined)
}

fn is_iterable(value: &Value) -> bool {
    !value.is_none() && tests::is_iterable(value)
}

/// Floats as Python prints them; templates here are never escaped.
fn print(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_number() && !value.is_integer() {
        let text = python_json::float(f64::try_from(value.clone())?);
        return minijinja::escape_formatter(out, state, &Value::from(text));
    }
    minijinja::escape_formatter(out, state, value)
}
