"""The chat model with the numbers that its checkpoint of 8 bits gives (PyTorch)."""
import torch

from .llama import Llama
from .weights import load

GROUP, LEVELS = 64, 255


def as_shipped(weight):
    """What MLX's affine quantisation of 8 bits, and back, makes of a matrix."""
    w = weight.to(torch.bfloat16).float().view(-1, GROUP)
    low, high = w.amin(1, keepdim=True), w.amax(1, keepdim=True)
    # The scale is bent so that the edge farther from zero, and zero, are exact.
    edge, sign = torch.where(low.abs() > high.abs(), low, high), torch.where(low.abs() > high.abs(), 1.0, -1.0)
    scale = sign * ((high - low) / LEVELS).clamp(min=1e-7)
    steps = (edge / scale).round()
    scale = torch.where(steps != 0, edge / steps, scale)
    bias = torch.where(steps != 0, edge, 0.0)
    level = ((w - bias) / scale).round().clamp(0, LEVELS)
    scale, bias = scale.to(torch.bfloat16).float(), bias.to(torch.bfloat16).float()
    return (level * scale + bias).to(torch.bfloat16).to(weight.dtype).view_as(weight)


@torch.no_grad()
def load_as_shipped(folder, device):
    """Not to be trained itself: adapters are, upon it."""
    model = load(Llama, folder, device)
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.copy_(as_shipped(weight))
    return model.requires_grad_(False)
