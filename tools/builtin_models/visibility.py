"""Masks that keep the conversations of a row apart: nobody sees another one (PyTorch)."""
from torch.nn.attention.flex_attention import create_block_mask


def mask_of(tokens, end):
    """What llama.attend takes. Each conversation ends in `end`; tokens (rows, length)."""
    is_end = (tokens == end).int()
    conversation = is_end.cumsum(1) - is_end
    return (_blocks if tokens.is_cuda else _dense)(conversation)


def _blocks(conversation):
    """A BlockMask: what nobody sees is not even computed."""
    rows, length = conversation.shape

    def visible(row, _, q, k):
        return (q >= k) & (conversation[row, q] == conversation[row, k])
    return create_block_mask(visible, rows, None, length, length, conversation.device.type)


def _dense(conversation):
    """Booleans, (rows, 1, length, length). Without a compiler, as on a CPU,
    attention by blocks computes everything too, and without a fused kernel:
    it would take 40 % of a step."""
    same = conversation[:, :, None] == conversation[:, None, :]
    return same.tril()[:, None]
