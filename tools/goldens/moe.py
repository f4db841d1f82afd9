"""Families with a mixture of experts; the latent attention of deepseek.

Most are float16: bfloat16 sends too many tokens to another expert.
"""
import mlx.core as mx

from . import hub
from .dense import GRANITE, IDS, QWEN2, QWEN3, SMALL, TIED
from .variant import Variant, without

MIXTRAL = IDS | {
    "architectures": ["MixtralForCausalLM"], "model_type": "mixtral",
    "hidden_act": "silu", "hidden_size": 36, "intermediate_size": 18,
    "max_position_embeddings": 128, "num_attention_heads": 3,
    "num_experts_per_tok": 2, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "num_local_experts": 5, "rms_norm_eps": 1e-5,
    "rope_theta": 1000000.0, "sliding_window": None,
    "tie_word_embeddings": False, "vocab_size": 67}

QWEN2_MOE = QWEN2 | {
    "architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe",
    "decoder_sparse_step": 1, "hidden_size": 36, "mlp_only_layers": [],
    "moe_intermediate_size": 12, "norm_topk_prob": False,
    "num_attention_heads": 9, "num_experts": 6, "num_experts_per_tok": 2,
    "num_key_value_heads": 3, "shared_expert_intermediate_size": 20}
QWEN3_MOE = QWEN3 | {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe",
    "decoder_sparse_step": 1, "mlp_only_layers": [],
    "moe_intermediate_size": 12, "norm_topk_prob": True, "num_experts": 5,
    "num_experts_per_tok": 2}

OLMOE = IDS | {
    "architectures": ["OlmoeForCausalLM"], "model_type": "olmoe",
    "clip_qkv": None, "hidden_act": "silu", "hidden_size": 36,
    "intermediate_size": 12, "max_position_embeddings": 128,
    "head_dim": 10, "norm_topk_prob": False, "num_attention_heads": 5,
    "num_experts": 7,
    "num_experts_per_tok": 3, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "tie_word_embeddings": False, "vocab_size": 67}

PHIMOE = IDS | {
    "architectures": ["PhiMoEForCausalLM"], "model_type": "phimoe",
    "attention_bias": True, "hidden_act": "silu", "hidden_size": 36,
    "input_jitter_noise": 0.01, "intermediate_size": 18,
    "lm_head_bias": True, "max_position_embeddings": 128,
    "num_attention_heads": 3, "num_experts_per_tok": 2,
    "num_hidden_layers": 4, "num_key_value_heads": 1,
    "num_local_experts": 5, "original_max_position_embeddings": 32,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "rope_scaling": {
        "long_factor": [1.1, 1.5, 2.3, 3.6, 5.2, 7.5],
        "long_mscale": 1.3,
        "original_max_position_embeddings": 32,
        "short_factor": [1.0, 1.05, 1.1, 1.15, 1.2, 1.25],
        "short_mscale": 1.2,
        "type": "longrope"},
    # Wide enough that a second expert often shares the first one's weight.
    "router_jitter_noise": 0.3, "sliding_window": 131072,
    "tie_word_embeddings": False, "vocab_size": 67}

GPT_OSS = IDS | {
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss",
    "attention_bias": True, "experts_per_token": 2, "head_dim": 8,
    "hidden_act": "silu", "hidden_size": 36, "intermediate_size": 16,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "max_position_embeddings": 128, "num_attention_heads": 5,
    "num_experts_per_tok": 2, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "num_local_experts": 5, "rms_norm_eps": 1e-5,
    "rope_scaling": {
        "beta_fast": 4.0, "beta_slow": 0.5, "factor": 4.0,
        "original_max_position_embeddings": 32, "rope_type": "yarn"},
    "rope_theta": 1000, "sliding_window": 6, "swiglu_limit": 7.0,
    "tie_word_embeddings": False, "vocab_size": 67}
PACKED_GPT_OSS = GPT_OSS | {
    "head_dim": 32, "hidden_size": 64, "intermediate_size": 32,
    "num_attention_heads": 3}

DEEPSEEK_V2 = IDS | {
    "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2",
    "attention_bias": False, "first_k_dense_replace": 1,
    "hidden_act": "silu", "hidden_size": 36, "intermediate_size": 40,
    "kv_lora_rank": 20, "max_position_embeddings": 128,
    "moe_intermediate_size": 10, "moe_layer_freq": 1, "n_group": 1,
    "n_routed_experts": 6, "n_shared_experts": 2, "norm_topk_prob": False,
    "num_attention_heads": 3, "num_experts_per_tok": 2,
    "num_hidden_layers": 4, "num_key_value_heads": 3, "q_lora_rank": None,
    "qk_nope_head_dim": 10, "qk_rope_head_dim": 6, "rms_norm_eps": 1e-6,
    "rope_scaling": {
        "beta_fast": 4, "beta_slow": 0.5, "factor": 4, "mscale": 0.707,
        "mscale_all_dim": 0.707, "original_max_position_embeddings": 32,
        "type": "yarn"},
    "rope_theta": 1000.0, "routed_scaling_factor": 1.0,
    "scoring_func": "softmax", "tie_word_embeddings": False,
    "topk_group": 1, "topk_method": "greedy", "v_head_dim": 8,
    "vocab_size": 67}
DEEPSEEK_V3 = DEEPSEEK_V2 | {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
    "ep_size": 1, "moe_intermediate_size": 8, "n_group": 3,
    "n_routed_experts": 9, "n_shared_experts": 1, "norm_topk_prob": True,
    "num_experts_per_tok": 3, "num_nextn_predict_layers": 1,
    "q_lora_rank": 14, "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid", "topk_group": 2, "topk_method": "noaux_tc",
    "rope_scaling": DEEPSEEK_V2["rope_scaling"] | {
        "mscale": 1.0, "mscale_all_dim": 1.0}}

GLM4_MOE = IDS | {
    "architectures": ["Glm4MoeForCausalLM"], "model_type": "glm4_moe",
    "attention_bias": True, "first_k_dense_replace": 1, "head_dim": 12,
    "hidden_act": "silu", "hidden_size": 40, "intermediate_size": 40,
    "max_position_embeddings": 128, "moe_intermediate_size": 10,
    "n_group": 1, "n_routed_experts": 5, "n_shared_experts": 1,
    "norm_topk_prob": True, "num_attention_heads": 5,
    "num_experts_per_tok": 2, "num_hidden_layers": 4,
    "num_key_value_heads": 1, "num_nextn_predict_layers": 1,
    "partial_rotary_factor": 0.5, "rms_norm_eps": 1e-5,
    "rope_scaling": None, "rope_theta": 1000000.0,
    "routed_scaling_factor": 1.5, "tie_word_embeddings": False,
    "topk_group": 1, "use_qk_norm": True, "vocab_size": 67}

GRANITEMOE = without(GRANITE, "mlp_bias") | {
    "architectures": ["GraniteMoeForCausalLM"], "model_type": "granitemoe",
    "intermediate_size": 18, "num_experts_per_tok": 2,
    "num_local_experts": 5}

VARIANTS = {
    "mixtral": Variant(MIXTRAL, mx.float16),
    "mixtral-window": Variant(
        MIXTRAL | TIED | {"sliding_window": 6}, mx.float16),
    "mixtral-hub": Variant(MIXTRAL | SMALL, layout=hub.w_experts),
    "qwen2_moe": Variant(QWEN2_MOE, mx.float16),
    "qwen2_moe-window": Variant(QWEN2_MOE | {
        "use_sliding_window": True, "max_window_layers": 2,
        "sliding_window": 6}, mx.float16),
    "qwen2_moe-hub": Variant(QWEN2_MOE | SMALL, layout=hub.experts_apart),
    "qwen3_moe": Variant(QWEN3_MOE, mx.float16),
    "qwen3_moe-window": Variant(QWEN3_MOE | TIED | {  # some layers are dense
        "use_sliding_window": True, "max_window_layers": 5,
        "sliding_window": 7, "decoder_sparse_step": 2, "mlp_only_layers": [1],
        "norm_topk_prob": False, "num_experts": 6,
        "num_hidden_layers": 5}, mx.float16),
    "qwen3_moe-hub": Variant(QWEN3_MOE | SMALL, layout=hub.experts_apart),
    "olmoe": Variant(OLMOE, mx.float16),
    "olmoe-hub": Variant(
        OLMOE | SMALL | {"norm_topk_prob": True}, layout=hub.experts_apart),
    "phimoe": Variant(PHIMOE, mx.float16),
    "phimoe-window": Variant(PHIMOE | {
        "rope_scaling": None, "router_jitter_noise": 0.01,
        "sliding_window": 6}, mx.float16),
    "phimoe-hub": Variant(PHIMOE | SMALL, mx.float16, layout=hub.w_experts),
    "gpt_oss": Variant(GPT_OSS, mx.float16),
    # Corrected: mlx-lm rounds the ends of yarn's ramp in any case.
    "gpt_oss-untruncated": Variant(GPT_OSS | {
        "rope_scaling": GPT_OSS["rope_scaling"] | {"truncate": False}},
        mx.float16),
    "gpt_oss-hub": Variant(PACKED_GPT_OSS | SMALL | {
        "layer_types": ["sliding_attention", "full_attention"],
        "quantization_config": {
            "modules_to_not_convert": [
                "model.layers.*.self_attn", "model.layers.*.mlp.router",
                "model.embed_tokens", "lm_head"],
            "quant_method": "mxfp4"}}, mx.float16, layout=hub.gpt_oss),
    "deepseek_v2": Variant(DEEPSEEK_V2, mx.float16),
    "deepseek_v2-groups": Variant(DEEPSEEK_V2 | {
        "n_group": 3, "q_lora_rank": 14, "routed_scaling_factor": 4.0,
        "topk_group": 2, "topk_method": "group_limited_greedy",
        "rope_scaling": DEEPSEEK_V2["rope_scaling"] | {
            "mscale": 1.0, "mscale_all_dim": 0.5}}, mx.float16),
    "deepseek_v2-hub": Variant(
        DEEPSEEK_V2 | SMALL, layout=hub.experts_apart),
    "deepseek_v3": Variant(DEEPSEEK_V3, mx.float16),
    "deepseek_v3-plain": Variant(DEEPSEEK_V3 | {
        "n_group": 1, "n_routed_experts": 6, "num_experts_per_tok": 2,
        "q_lora_rank": None, "rope_scaling": None, "topk_group": 1},
        mx.float16),
    "deepseek_v3-hub": Variant(DEEPSEEK_V3 | SMALL, layout=hub.deepseek_v3),
    "glm4_moe": Variant(GLM4_MOE, mx.float16),
    "glm4_moe-groups": Variant(GLM4_MOE | {
        "attention_bias": False, "n_group": 3, "n_routed_experts": 6,
        "topk_group": 2, "use_qk_norm": False}, mx.float16),
    "glm4_moe-hub": Variant(GLM4_MOE | SMALL, layout=hub.glm4_moe),
    "granitemoe": Variant(GRANITEMOE, mx.float16),
    "granitemoe-hub": Variant(
        GRANITEMOE | SMALL | {"tie_word_embeddings": False},
        layout=hub.granitemoe),
}
