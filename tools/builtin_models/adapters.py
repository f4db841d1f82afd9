"""LoRA and DoRA upon a Llama, as mlx_lm/tuner/lora.py and dora.py compute them (PyTorch)."""
import torch
import torch.nn.functional as F
from torch import nn

RANK, SCALE = 8, 4.0
KEYS = [f"self_attn.{name}_proj" for name in "qkvo"] + [f"mlp.{name}_proj" for name in ("gate", "up", "down")]


class Lora(nn.Module):
    def __init__(self, linear):
        super().__init__()
        outputs, inputs = linear.weight.shape
        self.weight = linear.weight
        bound = inputs**-0.5
        self.lora_a = nn.Parameter(torch.empty(inputs, RANK).uniform_(-bound, bound).to(linear.weight.device))
        self.lora_b = nn.Parameter(torch.zeros(RANK, outputs, device=linear.weight.device))

    def forward(self, x):
        return F.linear(x, self.weight) + SCALE * (x @ self.lora_a @ self.lora_b)


class Dora(Lora):
    """The rows' lengths are learned apart from their directions."""

    def __init__(self, linear):
        super().__init__(linear)
        self.m = nn.Parameter(linear.weight.norm(dim=1))

    def forward(self, x):
        adapted = self.weight + SCALE * (self.lora_a @ self.lora_b).T
        return (self.m / adapted.norm(dim=1).detach()).to(x.dtype) * super().forward(x)


KINDS = {"lora": Lora, "dora": Dora}


def adapt(model, kind):
    for layer in model.model.layers:
        for key in KEYS:
            block, name = key.split(".")
            parent = getattr(layer, block)
            setattr(parent, name, KINDS[kind](getattr(parent, name)))


def adapter_of(model):
    """What is trained, by the names that mlx-lm gives it."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def description(model, kind):
    return {"kind": kind, "layers": len(model.model.layers), "rank": RANK, "scale": SCALE, "keys": KEYS}
