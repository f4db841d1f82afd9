"""Families whose layers are attention and one feed-forward network.

A base config looks like the family's on the Hub, made small. Windows are a
few tokens, so that prompts cross them; few sizes are powers of two. In a
variant "-window" mlx-lm is corrected: it passes over the family's window.
"""
import mlx.core as mx

from . import hub
from .variant import Variant, without

IDS = {"bos_token_id": 1, "eos_token_id": 2}
TIED = {"tie_word_embeddings": True}
SMALL = {"num_hidden_layers": 2}  # for files that differ in layout alone
NINE_HEADS = {
    "head_dim": 6, "num_attention_heads": 9, "num_key_value_heads": 3}

MINISTRAL3 = IDS | {
    "architectures": ["Ministral3ForCausalLM"], "model_type": "ministral3",
    "hidden_act": "silu", "hidden_size": 40, "intermediate_size": 44,
    "num_hidden_layers": 4, "num_attention_heads": 5,
    "num_key_value_heads": 1, "head_dim": 12, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5, "sliding_window": None,
    "tie_word_embeddings": False, "vocab_size": 71,
    # Queries grow by the logarithm of the 16s that lie behind them.
    "rope_parameters": {
        "type": "yarn", "rope_type": "yarn", "rope_theta": 10000.0,
        "factor": 4.0, "beta_fast": 4.0, "beta_slow": 0.5, "mscale": 1.0,
        "mscale_all_dim": 0.5, "original_max_position_embeddings": 16,
        "llama_4_scaling_beta": 0.1}}

QWEN2 = IDS | {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
    "hidden_act": "silu", "hidden_size": 42, "intermediate_size": 50,
    "num_hidden_layers": 4, "num_attention_heads": 7,
    "num_key_value_heads": 1, "max_position_embeddings": 128,
    "max_window_layers": 4, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
    "sliding_window": 128, "use_sliding_window": False,
    "tie_word_embeddings": False, "vocab_size": 71}
QWEN3 = IDS | {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
    "attention_bias": False, "head_dim": 12, "hidden_act": "silu",
    "hidden_size": 40, "intermediate_size": 44, "num_hidden_layers": 4,
    "num_attention_heads": 5, "num_key_value_heads": 1,
    "max_position_embeddings": 128, "max_window_layers": 4,
    "rms_norm_eps": 1e-6, "rope_scaling": None, "rope_theta": 1000000.0,
    "sliding_window": None, "use_sliding_window": False,
    "tie_word_embeddings": False, "vocab_size": 71}

GEMMA = IDS | {
    "architectures": ["GemmaForCausalLM"], "model_type": "gemma",
    "attention_bias": False, "head_dim": 16, "hidden_act": "gelu",
    "hidden_size": 40, "intermediate_size": 56, "num_hidden_layers": 4,
    "num_attention_heads": 3, "num_key_value_heads": 1,
    "max_position_embeddings": 128, "rms_norm_eps": 1e-6,
    "rope_scaling": None, "rope_theta": 10000.0, "vocab_size": 67}
GEMMA2 = GEMMA | {
    "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2",
    "attn_logit_softcapping": 3.0, "final_logit_softcapping": 5.0,
    "head_dim": 12, "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh", "intermediate_size": 44,
    "num_attention_heads": 5, "num_key_value_heads": 1,
    "query_pre_attn_scalar": 10, "sliding_window": 4096}
GEMMA3 = without(GEMMA, "hidden_act") | {
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text",
    "attn_logit_softcapping": None, "final_logit_softcapping": None,
    "hidden_activation": "gelu_pytorch_tanh", "intermediate_size": 28,
    "num_hidden_layers": 6, "query_pre_attn_scalar": 13,
    "rope_local_base_freq": 10000.0, "rope_theta": 1000000.0,
    "sliding_window": 6, "sliding_window_pattern": 3}

PHI = IDS | {
    "architectures": ["PhiForCausalLM"], "model_type": "phi",
    "hidden_act": "gelu_new", "hidden_size": 30, "intermediate_size": 70,
    "layer_norm_eps": 1e-5, "max_position_embeddings": 128,
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 3, "partial_rotary_factor": 0.4,
    "qk_layernorm": False, "rope_scaling": None, "rope_theta": 10000.0,
    "tie_word_embeddings": False, "vocab_size": 67}
PHI3 = IDS | {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3",
    "attention_bias": False, "hidden_act": "silu", "hidden_size": 36,
    "intermediate_size": 52, "max_position_embeddings": 128,
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 3, "original_max_position_embeddings": 128,
    "rms_norm_eps": 1e-5, "rope_scaling": None, "rope_theta": 10000.0,
    "sliding_window": 2047, "tie_word_embeddings": False, "vocab_size": 67}

GLM4 = IDS | {
    "architectures": ["Glm4ForCausalLM"], "model_type": "glm4",
    "attention_bias": True, "head_dim": 12, "hidden_act": "silu",
    "hidden_size": 40, "intermediate_size": 44,
    "max_position_embeddings": 128, "num_attention_heads": 5,
    "num_hidden_layers": 4, "num_key_value_heads": 1,
    "partial_rotary_factor": 0.5, "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0, "tie_word_embeddings": False, "vocab_size": 67}

OLMO2 = IDS | {
    "architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2",
    "attention_bias": False, "head_dim": 12, "hidden_act": "silu", "hidden_size": 40,
    "intermediate_size": 44, "max_position_embeddings": 128,
    "num_attention_heads": 5, "num_hidden_layers": 4,
    "num_key_value_heads": 5, "rms_norm_eps": 1e-6, "rope_scaling": None,
    "rope_theta": 500000.0, "tie_word_embeddings": False, "vocab_size": 67}
OLMO3 = OLMO2 | {
    "architectures": ["Olmo3ForCausalLM"], "model_type": "olmo3",
    "num_key_value_heads": 1, "num_hidden_layers": 5,
    "layer_types": ["sliding_attention", "sliding_attention",
                    "sliding_attention", "full_attention",
                    "sliding_attention"],
    "rope_scaling": {
        "attention_factor": 1.1386294361119891, "beta_fast": 4.0,
        "beta_slow": 0.5, "factor": 4.0,
        "original_max_position_embeddings": 32, "rope_type": "yarn"},
    "sliding_window": 5}

GRANITE = IDS | {
    "architectures": ["GraniteForCausalLM"], "model_type": "granite",
    "attention_bias": False, "attention_multiplier": 0.25,
    "embedding_multiplier": 6.0, "hidden_act": "silu", "hidden_size": 36,
    "intermediate_size": 52, "logits_scaling": 1.5,
    "max_position_embeddings": 128, "mlp_bias": False,
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "residual_multiplier": 0.7,
    "rms_norm_eps": 1e-5, "rope_scaling": None, "rope_theta": 10000.0,
    "tie_word_embeddings": True, "vocab_size": 71}

COHERE = IDS | {
    "architectures": ["CohereForCausalLM"], "model_type": "cohere",
    "attention_bias": False, "hidden_act": "silu", "hidden_size": 40,
    "intermediate_size": 44, "layer_norm_eps": 1e-5, "logit_scale": 0.625,
    "max_position_embeddings": 128, "num_attention_heads": 5,
    "num_hidden_layers": 4, "num_key_value_heads": 5,
    "rope_theta": 8000000.0, "tie_word_embeddings": True,
    "use_qk_norm": False, "vocab_size": 67}
COHERE2 = COHERE | {
    "architectures": ["Cohere2ForCausalLM"], "model_type": "cohere2",
    "head_dim": 8, "layer_switch": 4, "num_hidden_layers": 5,
    "num_key_value_heads": 1,
    "order_of_interleaved_layers": "local_attn_first",
    "position_embedding_type": "rope_gptj",
    "rope_scaling": None, "rope_theta": 50000.0, "rotary_pct": 1.0,
    "sliding_window": 6, "sliding_window_pattern": 4,
    "use_embedding_sharing": True, "use_gated_activation": True,
    "use_parallel_block": True}

STARCODER2 = IDS | {
    "architectures": ["Starcoder2ForCausalLM"], "model_type": "starcoder2",
    "hidden_act": "gelu_pytorch_tanh", "hidden_size": 36,
    "intermediate_size": 80, "max_position_embeddings": 128,
    "mlp_type": "default", "norm_epsilon": 1e-5, "norm_type": "layer_norm",
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "rope_theta": 100000.0,
    "sliding_window": 4096, "tie_word_embeddings": True, "use_bias": True,
    "vocab_size": 67}
STABLELM = IDS | {
    "architectures": ["StableLmForCausalLM"], "model_type": "stablelm",
    "hidden_act": "silu", "hidden_size": 48, "intermediate_size": 40,
    "layer_norm_eps": 1e-5, "max_position_embeddings": 128,
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 3, "partial_rotary_factor": 0.25,
    "qk_layernorm": False, "rope_scaling": None, "rope_theta": 10000.0,
    "tie_word_embeddings": False, "use_parallel_residual": False,
    "use_qkv_bias": True, "vocab_size": 67}
GPT_NEOX = IDS | {
    "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox",
    "hidden_act": "gelu", "hidden_size": 30, "intermediate_size": 120,
    "layer_norm_eps": 1e-5, "max_position_embeddings": 128,
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "rotary_emb_base": 10000, "rotary_pct": 0.4,
    "tie_word_embeddings": False, "use_parallel_residual": True,
    "vocab_size": 67}

SMOLLM3 = IDS | {
    "architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3",
    "attention_bias": False, "head_dim": 12, "hidden_act": "silu", "hidden_size": 40,
    "intermediate_size": 44, "layer_types": ["full_attention"] * 5,
    "max_position_embeddings": 128, "max_window_layers": 5,
    "mlp_bias": False, "no_rope_layer_interval": 4,
    "no_rope_layers": [1, 1, 1, 0, 1], "num_attention_heads": 5,
    "num_hidden_layers": 5, "num_key_value_heads": 1, "rms_norm_eps": 1e-6,
    "rope_scaling": None, "rope_theta": 5000000.0, "sliding_window": None,
    "tie_word_embeddings": True, "use_sliding_window": False,
    "vocab_size": 67}
EXAONE4 = IDS | {
    "architectures": ["Exaone4ForCausalLM"], "model_type": "exaone4",
    "head_dim": 12, "hidden_act": "silu", "hidden_size": 40,
    "intermediate_size": 44, "max_position_embeddings": 128,
    "num_attention_heads": 5, "num_hidden_layers": 5,
    "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "layer_types": ["sliding_attention", "sliding_attention",
                    "sliding_attention", "full_attention",
                    "sliding_attention"],
    "rope_scaling": {
        "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
        "original_max_position_embeddings": 64, "rope_type": "llama3"},
    "sliding_window": 6, "sliding_window_pattern": "LLLG",
    "tie_word_embeddings": False, "vocab_size": 67}

MINICPM = IDS | {
    "architectures": ["MiniCPMForCausalLM"], "model_type": "minicpm",
    "dim_model_base": 24, "hidden_act": "silu", "hidden_size": 36,
    "intermediate_size": 52, "max_position_embeddings": 128,
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 3, "rms_norm_eps": 1e-5, "rope_scaling": None,
    "rope_theta": 10000.0, "scale_depth": 1.4, "scale_emb": 12,
    "tie_word_embeddings": False, "vocab_size": 67}
INTERNLM3 = IDS | {
    "architectures": ["InternLM3ForCausalLM"], "model_type": "internlm3",
    "bias": False, "head_dim": 12, "hidden_act": "silu", "hidden_size": 36,
    "intermediate_size": 52, "max_position_embeddings": 128,
    "num_attention_heads": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "qkv_bias": False, "rms_norm_eps": 1e-5,
    "rope_scaling": {"factor": 6.0, "rope_type": "dynamic"},
    "rope_theta": 10000.0, "tie_word_embeddings": False, "vocab_size": 71}
SEED_OSS = IDS | {
    "architectures": ["SeedOssForCausalLM"], "model_type": "seed_oss",
    "attention_bias": True, "attention_out_bias": False, "head_dim": 12,
    "hidden_act": "silu", "hidden_size": 40, "intermediate_size": 44,
    "max_position_embeddings": 128, "mlp_bias": False,
    "num_attention_heads": 5, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "rms_norm_eps": 1e-6,
    "rope_scaling": {"rope_type": "default"}, "rope_theta": 10000000.0,
    "tie_word_embeddings": False, "vocab_size": 67}
ERNIE = IDS | {
    "architectures": ["Ernie4_5ForCausalLM"], "model_type": "ernie4_5",
    "compression_ratio": 1.0, "head_dim": 12, "hidden_act": "silu",
    "hidden_size": 40, "intermediate_size": 44,
    "max_position_embeddings": 128, "num_attention_heads": 5,
    "num_hidden_layers": 4, "num_key_value_heads": 1, "rms_norm_eps": 1e-5,
    "rope_scaling": None, "rope_theta": 500000.0,
    "tie_word_embeddings": True, "use_bias": False, "vocab_size": 67}


def yarn(kind):
    return {"rope_scaling": {
        kind: "yarn", "factor": 4.0, "original_max_position_embeddings": 32}}


def seeing(kind, text):
    """The text model of one that sees."""
    return IDS | {
        "architectures": [f"{kind.capitalize()}ForConditionalGeneration"],
        "model_type": kind, "text_config": text | SMALL,
        "vocab_size": text["vocab_size"]}


def longrope(kind, pairs, **more):
    return more | {"rope_scaling": {
        "original_max_position_embeddings": 32,
        "long_factor": [round(1.1 + 0.9 * i * i, 2) for i in range(pairs)],
        "short_factor": [round(1 + 0.05 * i, 2) for i in range(pairs)],
        kind: "longrope"}}


VARIANTS = {
    "ministral3": Variant(MINISTRAL3),
    "ministral3-layer-types": Variant(MINISTRAL3 | NINE_HEADS | TIED | {
        "sliding_window": 5, "layer_types": [
            "sliding_attention", "full_attention", "sliding_attention",
            "sliding_attention"]}),
    "ministral3-hub": Variant(
        seeing("mistral3", MINISTRAL3), layout=hub.ministral3),
    "qwen2": Variant(QWEN2),
    "qwen2-tied-yarn": Variant(QWEN2 | TIED | yarn("type")),
    "qwen2-window": Variant(QWEN2 | {
        "use_sliding_window": True, "max_window_layers": 2,
        "sliding_window": 6}),
    "qwen2-hub": Variant(QWEN2 | SMALL | TIED, layout=hub.with_leftovers),
    "qwen3": Variant(QWEN3),
    "qwen3-f32": Variant(QWEN3 | SMALL, mx.float32),
    "qwen3-tied-yarn": Variant(QWEN3 | TIED | yarn("rope_type")),
    "qwen3-rope-parameters": Variant(
        without(QWEN3, "rope_theta", "rope_scaling") | {
            "rope_parameters": {"rope_theta": 5000000.0,
                                "rope_type": "default"}}),
    "qwen3-window": Variant(QWEN3 | {
        "use_sliding_window": True, "max_window_layers": 1,
        "sliding_window": 7}),
    "qwen3-hub": Variant(QWEN3 | SMALL | TIED, layout=hub.with_tied_head),
    "gemma": Variant(GEMMA),
    "gemma2": Variant(GEMMA2),
    "gemma2-window": Variant(GEMMA2 | NINE_HEADS | {"sliding_window": 6}),
    "gemma3_text": Variant(GEMMA3, layout=hub.without_head),
    "gemma3_text-untied": Variant(GEMMA3 | {
        "num_hidden_layers": 5, "num_key_value_heads": 3,
        "sliding_window_pattern": 2, "tie_word_embeddings": False,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}),
    "gemma3_text-hub": Variant(
        seeing("gemma3", GEMMA3 | {"sliding_window_pattern": 2}),
        layout=hub.gemma3),
    "phi": Variant(PHI),
    "phi-grouped": Variant(PHI | {
        "hidden_size": 40, "num_attention_heads": 5,
        "num_key_value_heads": 1, "intermediate_size": 60,
        "partial_rotary_factor": 0.5}),
    "phi3": Variant(PHI3),
    "phi3-window": Variant(PHI3 | {"sliding_window": 6}),
    "phi3-longrope": Variant(PHI3 | longrope(
        "type", 6, original_max_position_embeddings=32,
        sliding_window=262144)),
    "phi3-longrope-partial": Variant(PHI3 | TIED | longrope(
        "type", 6, original_max_position_embeddings=32, hidden_size=48,
        intermediate_size=40, num_key_value_heads=1,
        partial_rotary_factor=0.75, sliding_window=262144)),
    "glm4": Variant(GLM4),
    "olmo2": Variant(OLMO2),
    "olmo2-grouped": Variant(OLMO2 | NINE_HEADS),
    "olmo3": Variant(OLMO3),
    "granite": Variant(GRANITE),
    "granite-untied-biases": Variant(GRANITE | {
        "tie_word_embeddings": False, "attention_bias": True,
        "mlp_bias": True}),
    "granite-hub": Variant(GRANITE | SMALL, layout=hub.with_tied_head),
    "cohere": Variant(COHERE),
    "cohere-qk-norm": Variant(COHERE | {
        "attention_bias": True, "num_key_value_heads": 1,
        "use_qk_norm": True}),
    "cohere2": Variant(COHERE2),
    "starcoder2": Variant(STARCODER2),
    "starcoder2-window": Variant(STARCODER2 | {
        "sliding_window": 7, "tie_word_embeddings": False}),
    "stablelm": Variant(STABLELM),
    "stablelm-parallel": Variant(STABLELM | {
        "hidden_size": 40, "num_attention_heads": 5,
        "num_key_value_heads": 1, "partial_rotary_factor": 0.5,
        "qk_layernorm": True, "use_parallel_residual": True,
        "use_qkv_bias": False}),
    "gpt_neox": Variant(GPT_NEOX),
    "gpt_neox-sequential": Variant(
        GPT_NEOX | {"use_parallel_residual": False}),
    "gpt_neox-hub": Variant(GPT_NEOX | SMALL, layout=hub.gpt_neox),
    "smollm3": Variant(SMOLLM3),
    "smollm3-interval": Variant(
        without(SMOLLM3, "no_rope_layers", "layer_types") |
        {"no_rope_layer_interval": 3, "tie_word_embeddings": False} |
        yarn("rope_type")),
    "smollm3-hub": Variant(
        SMOLLM3 | SMALL | {"layer_types": ["full_attention"] * 2,
                           "no_rope_layers": [0, 1]},
        layout=hub.with_tied_head),
    "exaone4": Variant(EXAONE4),
    "exaone4-global": Variant(EXAONE4 | TIED | {
        "num_hidden_layers": 4, "layer_types": ["full_attention"] * 4,
        "sliding_window": None, "sliding_window_pattern": None}),
    "minicpm": Variant(MINICPM),
    "minicpm-longrope": Variant(MINICPM | longrope(
        "rope_type", 6, num_key_value_heads=1)),
    "minicpm-hub": Variant(MINICPM | SMALL, layout=hub.without_head),
    "internlm3": Variant(INTERNLM3),
    "internlm3-biases": Variant(INTERNLM3 | TIED | {
        "bias": True, "qkv_bias": True, "rope_scaling": {
            "factor": 2.5, "rope_type": "linear"}}),
    "seed_oss": Variant(SEED_OSS),
    "seed_oss-biases": Variant(SEED_OSS | TIED | {
        "attention_out_bias": True, "mlp_bias": True,
        "rope_scaling": None}),
    "seed_oss-hub": Variant(
        SEED_OSS | SMALL | TIED, layout=hub.with_tied_head),
    "ernie4_5": Variant(ERNIE),
    "ernie4_5-biases": Variant(ERNIE | NINE_HEADS | {
        "use_bias": True, "tie_word_embeddings": False}),
}
