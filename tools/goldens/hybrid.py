"""Families with layers that keep a state: deltas, convolutions, mamba."""
import math

import mlx.core as mx

from . import hub
from .dense import IDS
from .variant import Variant, without

QWEN3_NEXT = IDS | {
    "architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next",
    "attention_bias": False, "decoder_sparse_step": 1,
    "full_attention_interval": 3, "head_dim": 16, "hidden_act": "silu",
    "hidden_size": 32, "intermediate_size": 28, "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 6, "linear_num_key_heads": 3,
    "linear_num_value_heads": 6, "linear_value_head_dim": 8,
    "max_position_embeddings": 128, "mlp_only_layers": [],
    "moe_intermediate_size": 8, "norm_topk_prob": True,
    "num_attention_heads": 3, "num_experts": 5, "num_experts_per_tok": 2,
    "num_hidden_layers": 4, "num_key_value_heads": 1,
    "partial_rotary_factor": 0.25, "rms_norm_eps": 1e-6,
    "rope_scaling": None, "rope_theta": 10000000.0,
    "shared_expert_intermediate_size": 10, "tie_word_embeddings": False,
    "vocab_size": 67}

LFM2 = IDS | {
    "architectures": ["Lfm2ForCausalLM"], "model_type": "lfm2",
    # Two thirds of 70, rounded up to fives: 50.
    "block_auto_adjust_ff_dim": True, "block_dim": 36, "block_ff_dim": 70,
    "block_ffn_dim_multiplier": 1.0, "block_multiple_of": 5,
    "block_norm_eps": 1e-5, "block_use_swiglu": True, "conv_L_cache": 3,
    "conv_bias": False, "conv_dim": 36, "conv_dim_out": 36,
    "full_attn_idxs": [2, 4], "hidden_size": 36,
    "max_position_embeddings": 128, "norm_eps": 1e-5,
    "num_attention_heads": 3, "num_heads": 3, "num_hidden_layers": 5,
    "num_key_value_heads": 1, "rope_theta": 1000000.0, "use_pos_enc": True,
    "vocab_size": 67}

NEMOTRON_H = IDS | {
    "architectures": ["NemotronHForCausalLM"], "model_type": "nemotron_h",
    "attention_bias": False, "chunk_size": 128, "conv_kernel": 4,
    "expand": 2, "head_dim": 12, "hidden_size": 30,
    "hybrid_override_pattern": "M-M*-M*", "intermediate_size": 44,
    "layer_norm_epsilon": 1e-5, "mamba_head_dim": 4,
    "mamba_hidden_act": "silu", "mamba_num_heads": 15,
    "mamba_proj_bias": False, "max_position_embeddings": 128,
    "mlp_bias": False, "mlp_hidden_act": "relu2", "n_groups": 3,
    "num_attention_heads": 3, "num_hidden_layers": 7,
    "num_key_value_heads": 1, "residual_in_fp32": False,
    "ssm_state_size": 8, "tie_word_embeddings": False, "use_bias": False,
    "use_conv_bias": True, "vocab_size": 67}
NEMOTRON_H_MOE = NEMOTRON_H | {
    "hybrid_override_pattern": "MEM*EM", "moe_intermediate_size": 14,
    "moe_shared_expert_intermediate_size": 20, "n_group": 1,
    "n_routed_experts": 5, "n_shared_experts": 1, "norm_topk_prob": True,
    "num_experts_per_tok": 2, "num_hidden_layers": 6,
    "routed_scaling_factor": 2.5, "topk_group": 1}

GRANITE_HYBRID = IDS | {
    "architectures": ["GraniteMoeHybridForCausalLM"],
    "model_type": "granitemoehybrid", "attention_bias": False,
    "attention_multiplier": 0.3, "embedding_multiplier": 6.0,
    "hidden_act": "silu", "hidden_size": 30, "intermediate_size": 10,
    "layer_types": ["mamba", "mamba", "attention", "mamba"],
    "logits_scaling": 1.5, "mamba_chunk_size": 256, "mamba_conv_bias": True,
    "mamba_d_conv": 4, "mamba_d_head": 12, "mamba_d_state": 8,
    "mamba_expand": 2, "mamba_n_groups": 1, "mamba_n_heads": 5,
    "mamba_proj_bias": False, "max_position_embeddings": 128,
    "num_attention_heads": 5, "num_experts_per_tok": 2,
    "num_hidden_layers": 4, "num_key_value_heads": 1,
    "num_local_experts": 5, "position_embedding_type": "nope",
    "residual_multiplier": 0.7, "rms_norm_eps": 1e-5, "rope_scaling": None,
    "rope_theta": 10000.0, "shared_intermediate_size": 14,
    "tie_word_embeddings": True,
    # What mlx-lm takes where a file has none; the authors clip nothing then.
    "time_step_limit": [0.001, 100.0], "vocab_size": 67}
GRANITE_DENSE = GRANITE_HYBRID | {
    "intermediate_size": 44, "num_experts_per_tok": 0,
    "num_local_experts": 0, "shared_intermediate_size": 44}

MAMBA2 = IDS | {
    "architectures": ["Mamba2ForCausalLM"], "model_type": "mamba2",
    "chunk_size": 256, "conv_kernel": 4, "expand": 2, "head_dim": 12,
    "hidden_act": "silu", "hidden_size": 30, "intermediate_size": 60,
    "layer_norm_epsilon": 1e-5, "n_groups": 1, "norm_before_gate": True,
    "num_heads": 5, "num_hidden_layers": 4, "residual_in_fp32": True,
    "rms_norm": True, "state_size": 8, "tie_word_embeddings": False,
    "time_step_limit": [0.0, math.inf], "time_step_rank": 2,
    "use_bias": False, "use_conv_bias": True, "vocab_size": 67}

VARIANTS = {
    # In 16 bits random deltas soon go astray.
    "qwen3_next": Variant(QWEN3_NEXT, mx.float32),
    "qwen3_next-some-dense": Variant(QWEN3_NEXT | {
        "attention_bias": True, "full_attention_interval": 2,
        "linear_num_value_heads": 3, "mlp_only_layers": [0],
        "norm_topk_prob": False, "tie_word_embeddings": True}, mx.float32),
    "qwen3_next-hub": Variant(
        QWEN3_NEXT | {"full_attention_interval": 2, "num_hidden_layers": 2},
        mx.float32, layout=hub.qwen3_next),
    "lfm2": Variant(LFM2),
    "lfm2-layer-types": Variant(
        without(LFM2, "block_ff_dim", "full_attn_idxs", "rope_theta") | {
            "block_auto_adjust_ff_dim": False, "conv_L_cache": 4,
            "conv_bias": True, "intermediate_size": 44,
            "layer_types": ["full_attention", "conv", "conv",
                            "full_attention", "conv"],
            "rope_parameters": {"rope_theta": 10000.0,
                                "rope_type": "default"}}),
    "lfm2-hub": Variant(LFM2 | {
        "num_hidden_layers": 3, "full_attn_idxs": [1]},
        layout=hub.convolutions),
    "nemotron_h": Variant(NEMOTRON_H),
    "nemotron_h-moe": Variant(NEMOTRON_H_MOE, mx.float16),
    "nemotron_h-latent": Variant(
        without(NEMOTRON_H_MOE, "hybrid_override_pattern") | {
            "attention_bias": True, "mamba_proj_bias": True,
            "mlp_bias": True, "moe_latent_size": 18, "n_group": 3,
            "n_routed_experts": 6, "topk_group": 2, "use_conv_bias": False,
            "time_step_limit": [0.05, 0.4], "layers_block_type": [
                "attention", "mamba", "moe", "mlp", "mamba", "moe"]},
        mx.float16),
    "nemotron_h-hub": Variant(NEMOTRON_H_MOE | {
        "hybrid_override_pattern": "ME*", "num_hidden_layers": 3},
        layout=hub.nemotron_h),
    "granitemoehybrid": Variant(GRANITE_HYBRID, mx.float16),
    "granitemoehybrid-dense": Variant(GRANITE_DENSE | {
        "layer_types": ["attention", "mamba", "attention", "mamba"],
        "position_embedding_type": "rope"}),
    "granitemoehybrid-hub": Variant(GRANITE_HYBRID | {
        "layer_types": ["mamba", "attention"], "num_hidden_layers": 2},
        layout=hub.granitemoehybrid),
    "granitemoehybrid-dense-hub": Variant(GRANITE_DENSE | {
        "layer_types": ["attention"] * 2, "num_hidden_layers": 2,
        "position_embedding_type": "rope"}, layout=hub.granitemoehybrid),
    "mamba2": Variant(MAMBA2),
    # Longer than the 256 tokens that mlx-lm scans at once, whatever chunk_size.
    "mamba2-clipped": Variant(MAMBA2 | {
        "time_step_limit": [0.05, 0.3], "tie_word_embeddings": True,
        "use_bias": True}, prompt_lengths=(1, 7, 270)),
    # Corrected: mlx-lm takes the norm of all groups at once.
    "mamba2-groups": Variant(MAMBA2 | {
        "head_dim": 4, "num_heads": 15, "n_groups": 3}),
    "mamba2-hub": Variant(MAMBA2 | {
        # As transformers writes infinity, which JSON lacks.
        "time_step_limit": [0.0, {"__float__": "Infinity"}],
        "num_hidden_layers": 2}, layout=hub.convolutions),
}
