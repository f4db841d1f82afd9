"""Greedy answers of a trained model (PyTorch)."""
import torch

from .corpus import Renderer

END_OF_TURN = "<|im_end|>"
LONGEST_ANSWER = 200


def ask(model, tokenizer, samples, device):
    """The text that the model answers each sample with."""
    renderer = Renderer()
    prompts = [tokenizer.encode(renderer.prompt(sample), add_special_tokens=False).ids for sample in samples]
    said = answers(model, prompts, tokenizer.token_to_id(END_OF_TURN), device)
    return [tokenizer.decode(ids, skip_special_tokens=False) for ids in said]


@torch.no_grad()
def answers(model, prompts, end, device):
    """Lists of ids, without `end`. Each step reads everything anew, which a
    model this small can afford."""
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    tokens = torch.zeros((len(prompts), int(lengths.max()) + LONGEST_ANSWER), dtype=torch.long, device=device)
    for i, prompt in enumerate(prompts):
        tokens[i, :len(prompt)] = torch.tensor(prompt, device=device)
    rows, at = torch.arange(len(prompts), device=device), lengths.clone()
    open_ = torch.ones(len(prompts), dtype=bool, device=device)
    for _ in range(LONGEST_ANSWER):
        hidden = model.model(tokens[:, :int(at.max())])[rows, at - 1]
        newest = (hidden.float() @ model.model.embed_tokens.weight.float().T).argmax(-1)
        open_ &= newest != end
        if not open_.any():
            break
        tokens[rows, at] = torch.where(open_, newest, tokens[rows, at])
        at = at + open_
    return [tokens[i, lengths[i]:at[i]].tolist() for i in range(len(prompts))]
