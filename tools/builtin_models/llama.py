"""The decoder that is trained: Llama's, as small as it may be (PyTorch)."""
import dataclasses

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention.flex_attention import BlockMask, flex_attention


@dataclasses.dataclass(frozen=True)
class Shape:
    vocab: int = 4096
    hidden: int = 256
    layers: int = 10
    heads: int = 8
    kv_heads: int = 4
    head_dim: int = 32
    mlp: int = 704
    positions: int = 2048
    rope_theta: float = 10000.0
    eps: float = 1e-5


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-b, a), dim=-1) * sin


def attend(q, k, v, mask):
    """q (rows, heads, length, head_dim); k and v with fewer heads. `mask` is a
    BlockMask, booleans, or None where a row is one text."""
    if isinstance(mask, BlockMask):
        return flex_attention(q, k, v, block_mask=mask, enable_gqa=True)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        inner, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.hidden, inner, bias=False)
        self.k_proj = nn.Linear(shape.hidden, narrow, bias=False)
        self.v_proj = nn.Linear(shape.hidden, narrow, bias=False)
        self.o_proj = nn.Linear(inner, shape.hidden, bias=False)

    def forward(self, x, cos, sin, mask):
        rows, length, _ = x.shape

        def split(y, heads):
            return y.view(rows, length, heads, self.shape.head_dim).transpose(1, 2)
        v = split(self.v_proj(x), self.shape.kv_heads)
        q = rotate(split(self.q_proj(x), self.shape.heads), cos, sin).to(v.dtype)
        k = rotate(split(self.k_proj(x), self.shape.kv_heads), cos, sin).to(v.dtype)
        return self.o_proj(attend(q, k, v, mask).transpose(1, 2).reshape(rows, length, -1))


class Mlp(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.mlp, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.mlp, bias=False)
        self.down_proj = nn.Linear(shape.mlp, shape.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden, eps=shape.eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden, eps=shape.eps)
        self.mlp = Mlp(shape)

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Trunk(nn.Module):
    """Tokens to hidden states, (rows, length, hidden). A row is one text, or
    many that a mask (visibility.py) keeps apart."""

    def __init__(self, shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden, eps=shape.eps)
        powers = torch.arange(0, shape.head_dim, 2) / shape.head_dim
        angles = torch.outer(torch.arange(shape.positions), shape.rope_theta**-powers)
        self.register_buffer("cos", torch.cat((angles, angles), -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat((angles, angles), -1).sin(), persistent=False)

    def forward(self, tokens, mask=None):
        x = self.embed_tokens(tokens)
        cos, sin = self.cos[:tokens.shape[1]], self.sin[:tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x)


def initialise(model):
    """What writes into the stream of hidden states begins smaller, the more
    layers there are to do so."""
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            last = name.endswith(("o_proj.weight", "down_proj.weight"))
            nn.init.normal_(weight, std=0.04 / ((2 * model.shape.layers)**0.5 if last else 1))


class Llama(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.model = Trunk(shape)
        initialise(self)

    def forward(self, tokens, mask=None):
        """Logits, (rows, length, vocab)."""
        return F.linear(self.model(tokens, mask), self.model.embed_tokens.weight)
