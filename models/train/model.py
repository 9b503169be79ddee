"""A small decoder of the llama architecture in PyTorch, with tied input and output embeddings."""

import math
from typing import Dict, NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-5
ROPE_BASE = 10000.0


class Shape(NamedTuple):
    """Sizes of a model; to_gguf.py writes them into the file's header."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    feed_forward: int


class Block(nn.Module):
    """One layer: causal attention with rotary positions, then a gated feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, inner = shape.width, shape.feed_forward
        self.heads = shape.heads
        self.attention_norm = nn.Parameter(torch.ones(width))
        self.feed_forward_norm = nn.Parameter(torch.ones(width))
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, hidden: Tensor, cosines: Tensor, sines: Tensor, mask: Tensor) -> Tensor:
        hidden = hidden + self.attend(rms_norm(hidden, self.attention_norm), cosines, sines, mask)
        normed = rms_norm(hidden, self.feed_forward_norm)
        return hidden + self.down(F.silu(self.gate(normed)) * self.up(normed))

    def attend(self, normed: Tensor, cosines: Tensor, sines: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = normed.shape
        head_width = width // self.heads

        def split(projected: Tensor) -> Tensor:
            return projected.view(batch, length, self.heads, head_width).transpose(1, 2)

        def flat(per_head: Tensor) -> Tensor:
            return per_head.reshape(batch * self.heads, length, head_width)

        queries = flat(rotate(split(self.query(normed)), cosines, sines))
        keys = flat(rotate(split(self.key(normed)), cosines, sines))
        values = flat(split(self.value(normed)))
        # baddbmm adds the mask in the same pass; on a CPU that is a good part of the step.
        scores = torch.baddbmm(mask, queries, keys.transpose(1, 2), alpha=head_width**-0.5)
        mixed = torch.bmm(scores.softmax(-1), values)
        joined = mixed.view(batch, self.heads, length, head_width).transpose(1, 2)
        return self.output(joined.reshape(batch, length, width))


class Model(nn.Module):
    """Token ids in, one row of logits per position out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.tables: Dict[int, Tuple[Tensor, Tensor, Tensor]] = {}
        self.initialise()

    def initialise(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
        # What is added to the residual stream starts smaller, so that depth does not scale it.
        residual_std = 0.02 / math.sqrt(2 * self.shape.layers)
        for block in self.blocks:
            nn.init.normal_(block.output.weight, std=residual_std)
            nn.init.normal_(block.down.weight, std=residual_std)

    def forward(self, ids: Tensor) -> Tensor:
        batch, length = ids.shape
        cosines, sines, causal = self.position_tables(length)
        mask = causal.expand(batch * self.shape.heads, length, length)
        hidden = self.embedding(ids)
        for block in self.blocks:
            hidden = block(hidden, cosines, sines, mask)
        return rms_norm(hidden, self.norm) @ self.embedding.weight.T

    def position_tables(self, length: int) -> Tuple[Tensor, Tensor, Tensor]:
        """Cosines and sines of the rotations, and the causal mask, for sequences of one length."""
        if length not in self.tables:
            head_width = self.shape.width // self.shape.heads
            frequencies = ROPE_BASE ** (-torch.arange(0, head_width, 2).float() / head_width)
            angles = torch.arange(length).float()[:, None] * frequencies
            causal = torch.triu(torch.full((1, length, length), -1e9), 1)
            self.tables[length] = (angles.cos(), angles.sin(), causal)
        return self.tables[length]


def rms_norm(hidden: Tensor, weight: Tensor) -> Tensor:
    """Scales each position to unit root mean square, then by the learned weight."""
    return hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + NORM_EPSILON) * weight


def rotate(per_head: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary positions on neighbouring pairs, the layout that the GGUF `llama` architecture expects."""
    even, odd = per_head[..., 0::2], per_head[..., 1::2]
    turned = torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), -1)
    return turned.flatten(-2)


def save_checkpoint(model: Model, path: str) -> None:
    """Writes shape and weights."""
    torch.save({"shape": dict(model.shape._asdict()), "weights": model.state_dict()}, path)


def load_checkpoint(path: str) -> Model:
    """Reads what save_checkpoint wrote."""
    checkpoint = torch.load(path, map_location="cpu")
    model = Model(Shape(**checkpoint["shape"]))
    model.load_state_dict(checkpoint["weights"])
    return model
