//! Chat templates in the environment of transformers' apply_chat_template.

use crate::abi::{call, slice, Bytes, Failure, Outcome};
use crate::{python_filters, python_methods};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value};
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use std::io;

/// One unit pays for an instruction or 64 bytes (measured: under a second in
/// all). A prompt of a million tokens takes about a tenth.
const FUEL: u64 = 10_000_000;
const MAX_TEXT: usize = 8 << 20;
/// Macros inside macros; a level takes a few kB of stack.
const MAX_NESTING: usize = 100;
const NAME: &str = "chat template";

pub struct Template {
    environment: Environment<'static>,
    defaults: Map<String, Json>,
    reads: HashSet<String>,
}

impl Template {
    fn compile(source: &[u8], defaults: &[u8]) -> Outcome<Template> {
        let source = String::from_utf8(source.to_vec()).map_err(Failure::invalid)?;
        let mut environment = environment().map_err(Failure::invalid)?;
        environment
            .add_template_owned(NAME, without_generation(&source))
            .map_err(|error| Failure::invalid(explain(&error)))?;
        let form = environment.get_template(NAME).map_err(Failure::invalid)?;
        Ok(Template {
            reads: form.undeclared_variables(false),
            environment,
            defaults: read_object(defaults)?,
        })
    }

    fn render(&self, variables: &[u8]) -> Outcome<Vec<u8>> {
        let mut all = self.defaults.clone();
        all.extend(read_object(variables)?);
        let form = self
            .environment
            .get_template(NAME)
            .map_err(Failure::invalid)?;
        let mut out = Capped::default();
        form.render_captured_to(Value::from(Serde(all)), &mut out)
            .map_err(|error| Failure::invalid(explain(&error)))?;
        Ok(out.text)
    }
}

fn read_object(text: &[u8]) -> Outcome<Map<String, Json>> {
    serde_json::from_slice(text).map_err(Failure::invalid)
}

fn syntax() -> Result<SyntaxConfig, Error> {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    builder.build()
}

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax()?);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_NESTING);
    environment.set_unknown_method_callback(python_methods::unknown_method);
    minijinja_contrib::add_to_environment(&mut environment);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    python_filters::add_to(&mut environment);
    Ok(environment)
}

/// What a template said with raise_exception: a message for the client.
#[derive(Debug)]
struct Raised(String);

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

fn raise_exception(message: &Value) -> Result<Value, Error> {
    let raised = Raised(message.to_string());
    Err(Error::new(ErrorKind::InvalidOperation, "raised by the template").with_source(raised))
}

fn strftime_now(format: &str) -> Result<Value, Error> {
    let fail = || Error::new(ErrorKind::InvalidOperation, "strftime_now: bad format");
    let format = std::ffi::CString::new(format).map_err(|_| fail())?;
    let mut text = vec![0u8; 256];
    // SAFETY: the pointers are to live buffers of the sizes that are given.
    let written = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut fields: libc::tm = std::mem::zeroed();
        libc::localtime_r(&now, &mut fields);
        libc::strftime(
            text.as_mut_ptr().cast(),
            text.len(),
            format.as_ptr(),
            &fields,
        )
    };
    text.truncate(written);
    String::from_utf8(text).map(Value::from).map_err(|_| fail())
}

/// transformers' `{% generation %}` blocks mark the assistant's text for
/// training; they render what is in them, in a scope of their own.
fn without_generation(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let (replacement, taken) = generation_tag(tag).unwrap_or(("{%".to_owned(), 2));
        out.push_str(&replacement);
        rest = &tag[taken..];
    }
    out + rest
}

/// "{%- generation %}" -> "{%- with %}", and how many bytes it took.
fn generation_tag(tag: &str) -> Option<(String, usize)> {
    let end = tag.find("%}")?;
    let signs: &[char] = &['-', '+'];
    let inner = &tag[2..end];
    let left = &inner[..usize::from(inner.starts_with(signs))];
    let right = &inner[inner.len() - usize::from(inner.ends_with(signs))..];
    let word = match inner
        .trim_start_matches(signs)
        .trim_end_matches(signs)
        .trim()
    {
        "generation" => "with",
        "endgeneration" => "endwith",
        _ => return None,
    };
    Some((format!("{{%{left} {word} {right}%}}"), end + 2))
}

#[derive(Default)]
struct Capped {
    text: Vec<u8>,
}

impl io::Write for Capped {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.text.len() + part.len() > MAX_TEXT {
            return Err(io::Error::other("the rendered prompt is larger than 8 MiB"));
        }
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line for the client.
fn explain(error: &Error) -> String {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if let Some(Raised(message)) = cause.downcast_ref::<Raised>() {
            return message.clone();
        }
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            return cause.to_string();
        }
        source = cause.source();
    }
    if error.kind() == ErrorKind::OutOfFuel {
        return "the template takes too long".to_owned();
    }
    let place = error
        .line()
        .map_or(String::new(), |line| format!(" (line {line})"));
    match error.detail() {
        Some(detail) => format!("{}: {detail}{place}", error.kind()),
        None => format!("{}{place}", error.kind()),
    }
}

#[no_mangle]
pub unsafe extern "C" fn plb_template_new(
    source: *const u8,
    source_size: usize,
    defaults: *const u8,
    defaults_size: usize,
    out: *mut *mut Template,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || {
        let source = slice(source, source_size);
        Template::compile(source, slice(defaults, defaults_size))
            .map(|made| Box::into_raw(Box::new(made)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn plb_template_free(form: *mut Template) {
    if !form.is_null() {
        drop(Box::from_raw(form));
    }
}

#[no_mangle]
pub unsafe extern "C" fn plb_template_render(
    form: *const Template,
    variables: *const u8,
    size: usize,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    call(out, error, || (*form).render(slice(variables, size)))
}

#[no_mangle]
pub unsafe extern "C" fn plb_template_reads(
    form: *const Template,
    name: *const u8,
    size: usize,
) -> i32 {
    let name = std::str::from_utf8(slice(name, size)).unwrap_or_default();
    i32::from((*form).reads.contains(name))
}
