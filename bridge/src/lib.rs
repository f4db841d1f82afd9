//! Tokenizers and chat templates for C++: opaque handles, plain buffers,
//! integer codes with a message. The header is `include/parallm_bridge.h`.

mod abi;
mod json;
mod python_filters;
mod python_json;
mod python_methods;
mod template;
mod token_bytes;
mod tokenizer;
