"""llama and its twin mistral, and what a checkpoint's files can look like."""
import mlx.core as mx

from . import hub
from .variant import Variant

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_act": "silu", "hidden_size": 36, "intermediate_size": 52,
    "num_hidden_layers": 2, "num_attention_heads": 3,
    "num_key_value_heads": 1, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False,
    "vocab_size": 67, "bos_token_id": 1, "eos_token_id": 2}
MISTRAL = LLAMA | {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral",
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 18,
    "rope_theta": 1e6, "sliding_window": None}
PACKED = LLAMA | {
    "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 16, "intermediate_size": 192}

VARIANTS = {
    "llama-f32": Variant(LLAMA | {"num_hidden_layers": 4}, mx.float32),
    "llama-f16-tied": Variant(
        LLAMA | {"tie_word_embeddings": True, "num_key_value_heads": 3},
        mx.float16),
    "llama-bf16-biases": Variant(
        LLAMA | {"attention_bias": True, "mlp_bias": True, "head_dim": 10},
        layout=hub.with_leftovers),
    "llama-llama3-rope": Variant(
        LLAMA | {
            "rope_theta": 500000.0, "head_dim": 20,
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64}}, mx.float32),
    "llama-linear-rope": Variant(
        LLAMA | {"rope_traditional": True,
                 "rope_scaling": {"type": "linear", "factor": 2.5}},
        mx.float32),
    "llama-yarn-rope": Variant(
        LLAMA | {
            "num_hidden_layers": 4, "num_attention_heads": 5,
            "head_dim": 20, "rope_scaling": {
                "type": "yarn", "factor": 4.0, "beta_fast": 2.0,
                "beta_slow": 0.5, "original_max_position_embeddings": 64}}),
    "llama-layer-types": Variant(
        LLAMA | {
            "num_hidden_layers": 4, "num_attention_heads": 9,
            "num_key_value_heads": 3, "sliding_window": 5, "layer_types": [
                "sliding_attention", "full_attention", "sliding_attention",
                "sliding_attention"]},
        mx.float32),
    "llama-hub": Variant(
        LLAMA | {"tie_word_embeddings": True, "mlp_bias": True},
        layout=hub.with_leftovers),
    "llama-4bit": Variant(
        PACKED | {"quantization": {"group_size": 64, "bits": 4}}),
    "llama-8bit-tied": Variant(
        LLAMA | {"hidden_size": 64, "head_dim": 32, "intermediate_size": 64,
                 "num_hidden_layers": 4, "tie_word_embeddings": True,
                 "quantization": {"group_size": 32, "bits": 8}}, mx.float16),
    "llama-mixed-bits": Variant(
        PACKED | {
            "attention_bias": True,
            "quantization": {
                "group_size": 32, "bits": 4, "lm_head": False,
                "model.layers.0.mlp.down_proj": {
                    "group_size": 64, "bits": 8},
                "model.layers.1.self_attn.q_proj": {
                    "group_size": 32, "bits": 8}}}, mx.float32),
    "mistral-f32": Variant(MISTRAL, mx.float32),
    "mistral-window": Variant(
        MISTRAL | {"num_hidden_layers": 5, "num_attention_heads": 5,
                   "sliding_window": 6}, mx.float32),
    "mistral-4bit-128": Variant(
        MISTRAL | {
            "hidden_size": 128, "num_attention_heads": 4, "head_dim": 32,
            "intermediate_size": 128, "num_hidden_layers": 1,
            "quantization": {"group_size": 128, "bits": 4}}, mx.float16),
    "mistral-bf16-sharded": Variant(MISTRAL, shards=3),
}
