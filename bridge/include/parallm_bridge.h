#pragma once

// Tokenizers and chat templates, written in Rust (bridge/src). Calls return
// PLB_OK and fill `out`, or return another code and fill `error`. Whoever
// fills a buffer or makes a handle allocated it: give it back to its _free.
// Text is UTF-8 with its size, not ended by a zero. Handles are constant once
// made: any thread, several at a time. Nothing is thrown.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PLB_OK = 0,
  PLB_NOT_FOUND = 1, // no such entry; the message is empty
  PLB_INVALID = 2,   // the input is at fault
  PLB_PANIC = 3,     // we are
};

typedef struct plb_bytes {
  uint8_t* data;
  size_t size;
  size_t capacity;
} plb_bytes;

typedef struct plb_ids {
  uint32_t* data;
  size_t size;
  size_t capacity;
} plb_ids;

void plb_bytes_free(plb_bytes bytes);
void plb_ids_free(plb_ids ids);

// A JSON text, read by pointer ("/bos_token/content").
typedef struct plb_json plb_json;
int32_t plb_json_new(
    const uint8_t* text, size_t size, plb_json** out, plb_bytes* error);
void plb_json_free(plb_json* json);
// PLB_NOT_FOUND unless there is a string.
int32_t plb_json_string(
    const plb_json* json,
    const uint8_t* pointer,
    size_t size,
    plb_bytes* out,
    plb_bytes* error);

// tokenizer.json. Truncation and padding that the file asks for are off.
typedef struct plb_tokenizer plb_tokenizer;
int32_t plb_tokenizer_new(
    const uint8_t* json, size_t size, plb_tokenizer** out, plb_bytes* error);
void plb_tokenizer_free(plb_tokenizer* tokenizer);

enum {
  PLB_ADD_SPECIAL = 1,   // BOS and like
  PLB_PARSE_SPECIAL = 2, // spelled special tokens become their ids
};
int32_t plb_tokenizer_encode(
    const plb_tokenizer* tokenizer,
    const uint8_t* text,
    size_t size,
    uint32_t flags,
    plb_ids* out,
    plb_bytes* error);
int32_t plb_tokenizer_decode(
    const plb_tokenizer* tokenizer,
    const uint32_t* ids,
    size_t size,
    int32_t skip_special,
    plb_bytes* out,
    plb_bytes* error);
int32_t plb_tokenizer_id(
    const plb_tokenizer* tokenizer,
    const uint8_t* piece,
    size_t size,
    uint32_t* out,
    plb_bytes* error);

// A column of the vocabulary: cell i is joined[ends[i - 1], ends[i]), for all
// ids up to the largest. Ids without a token have empty cells.
enum {
  PLB_PIECES = 0, // "▁the"
  PLB_MIDDLE = 1, // the bytes a token adds to a text
  PLB_FIRST = 2,  // the same for the first token of a text
  PLB_FLAGS = 3,  // one byte, of the following
};
enum {
  PLB_IS_SPECIAL = 1,
  PLB_TAKES_LEFT = 2, // swallows white space before it, as an input
  PLB_TAKES_RIGHT = 4,
};
typedef struct plb_column {
  plb_bytes joined;
  plb_ids ends;
} plb_column;
int32_t plb_tokenizer_column(
    const plb_tokenizer* tokenizer,
    uint32_t which,
    plb_column* out,
    plb_bytes* error);
// 0 if texts must be decoded whole; PLB_MIDDLE is then an approximation.
int32_t plb_tokenizer_is_exact(const plb_tokenizer* tokenizer);

// A chat template in the environment that transformers gives it. `defaults`
// is a JSON object: bos_token and like.
typedef struct plb_template plb_template;
int32_t plb_template_new(
    const uint8_t* source,
    size_t source_size,
    const uint8_t* defaults,
    size_t defaults_size,
    plb_template** out,
    plb_bytes* error);
void plb_template_free(plb_template* form);
// `variables` is a JSON object. Ends after a bounded amount of work and text.
int32_t plb_template_render(
    const plb_template* form,
    const uint8_t* variables,
    size_t size,
    plb_bytes* out,
    plb_bytes* error);
// 1 if the template reads a variable of that name, else 0.
int32_t plb_template_reads(
    const plb_template* form, const uint8_t* name, size_t size);

#ifdef __cplusplus
}
#endif
