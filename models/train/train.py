"""Train a small language model of the llama architecture on plain text and write a checkpoint.

Runs on a CPU for a given number of minutes. With --teacher, half of the loss is the distance to
the teacher's distribution: that is how the draft learns to agree with the target.
"""

import argparse
import json
import math
import time
from typing import List, NamedTuple, Optional, Tuple

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model import Model, Shape, load_checkpoint, save_checkpoint

# The last part of the time goes to sequences twice as long, so that the model learns to use them.
SHORT_SHARE = 0.85
WARM_UP_STEPS = 100
FINAL_RATE_SHARE = 0.02
EVALUATION_LENGTH = 256
EVALUATION_SEQUENCES = 40


class Text(NamedTuple):
    """A text file as token ids."""

    ids: np.ndarray
    characters: int


def main() -> None:
    arguments = parse_arguments()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)

    tokenizer = sentencepiece.SentencePieceProcessor(model_file=arguments.spm)
    training = read_text(arguments.text, tokenizer)
    held_out = read_text(arguments.heldout, tokenizer)
    shape = Shape(
        vocabulary=tokenizer.vocab_size(),
        width=arguments.dim,
        layers=arguments.layers,
        heads=arguments.heads,
        feed_forward=arguments.ff,
    )
    model = Model(shape)
    teacher = load_checkpoint(arguments.teacher).eval() if arguments.teacher else None
    print(f"{count_parameters(model)} parameters, {len(training.ids)} training tokens", flush=True)

    tokens_seen, steps = train(model, teacher, training, held_out, arguments)

    loss = evaluate(model, held_out)
    save_checkpoint(model, arguments.out)
    bits = loss * len(held_out.ids) / held_out.characters / math.log(2)
    report = {
        "parameters": count_parameters(model),
        "tokens_seen": tokens_seen,
        "steps": steps,
        "heldout_nats_per_token": round(loss, 4),
        "heldout_bits_per_character": round(bits, 4),
    }
    print(json.dumps(report))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", required=True, help="training text, one paragraph a line")
    parser.add_argument("--heldout", required=True, help="text for the held-out loss")
    parser.add_argument("--spm", required=True, help="SentencePiece model of spm_train")
    parser.add_argument("--out", required=True, help="checkpoint to write")
    parser.add_argument("--teacher", help="checkpoint whose distribution is half of the loss")
    parser.add_argument("--dim", type=int, default=160, help="width")
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--heads", type=int, default=5)
    parser.add_argument("--ff", type=int, default=432, help="width of the feed-forward part")
    parser.add_argument("--minutes", type=float, default=62.0, help="wall time to train for")
    parser.add_argument("--batch", type=int, default=16, help="sequences per step")
    parser.add_argument("--ctx", type=int, default=256, help="tokens per sequence")
    parser.add_argument("--lr", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def read_text(path: str, tokenizer: sentencepiece.SentencePieceProcessor) -> Text:
    """Token ids of a file, line by line; every line keeps its end."""
    ids: List[int] = []
    characters = 0
    with open(path, encoding="utf8") as lines:
        for line in lines:
            ids += tokenizer.encode(line.strip() + "\n")
            characters += len(line)
    return Text(np.array(ids, dtype=np.int64), characters)


def train(
    model: Model,
    teacher: Optional[Model],
    training: Text,
    held_out: Text,
    arguments: argparse.Namespace,
) -> Tuple[int, int]:
    """Trains until the time is up; returns tokens seen and steps made."""
    random = np.random.default_rng(arguments.seed)
    optimizer = make_optimizer(model, arguments.lr)
    begin = time.monotonic()
    budget_s = arguments.minutes * 60
    tokens_seen = steps = 0
    mean_loss: Optional[float] = None

    while True:
        elapsed_s = time.monotonic() - begin
        progress = elapsed_s / budget_s
        if progress >= 1:
            return tokens_seen, steps

        is_short = progress < SHORT_SHARE
        length = arguments.ctx if is_short else 2 * arguments.ctx
        batch = arguments.batch if is_short else arguments.batch // 2
        rate = arguments.lr * rate_share(steps, progress)
        for group in optimizer.param_groups:
            group["lr"] = rate

        inputs, following = sample_batch(training.ids, batch, length, random)
        loss, cross_entropy = losses(model, teacher, inputs, following)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

        steps += 1
        tokens_seen += batch * length
        last = cross_entropy.item()
        mean_loss = last if mean_loss is None else 0.98 * mean_loss + 0.02 * last
        if steps % 50 == 0:
            speed = tokens_seen / (time.monotonic() - begin)
            print(
                f"step {steps}, {tokens_seen} tokens, loss {mean_loss:.3f}, rate {rate:.4f}, "
                f"{speed:.0f} tokens/s, {100 * progress:.0f} %",
                flush=True,
            )
        if steps % 400 == 0:
            print(f"  held out: {evaluate(model, held_out):.3f} nats per token", flush=True)
            save_checkpoint(model, arguments.out)


def make_optimizer(model: Model, rate: float) -> torch.optim.AdamW:
    """AdamW; matrices decay, norms do not."""
    matrices = [weights for weights in model.parameters() if weights.dim() > 1]
    vectors = [weights for weights in model.parameters() if weights.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


def rate_share(steps: int, progress: float) -> float:
    """Share of the highest learning rate: a linear warm-up, then a cosine over the time."""
    warm_up = min(1.0, (steps + 1) / WARM_UP_STEPS)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return warm_up * (FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine)


def sample_batch(
    ids: np.ndarray, batch: int, length: int, random: np.random.Generator
) -> Tuple[Tensor, Tensor]:
    """Random windows of the text, and the same windows one token later."""
    starts = random.integers(0, len(ids) - length - 1, batch)
    inputs = np.stack([ids[start : start + length] for start in starts])
    following = np.stack([ids[start + 1 : start + length + 1] for start in starts])
    return torch.from_numpy(inputs), torch.from_numpy(following)


def losses(
    model: Model, teacher: Optional[Model], inputs: Tensor, following: Tensor
) -> Tuple[Tensor, Tensor]:
    """What is minimised, and the cross entropy with the text, which is what is reported."""
    logits = model(inputs).view(-1, model.shape.vocabulary)
    cross_entropy = F.cross_entropy(logits, following.view(-1))
    if teacher is None:
        return cross_entropy, cross_entropy
    with torch.no_grad():
        wanted = F.softmax(teacher(inputs).view(-1, model.shape.vocabulary), -1)
    distance = -(wanted * F.log_softmax(logits, -1)).sum(-1).mean()
    return 0.5 * cross_entropy + 0.5 * distance, cross_entropy


def evaluate(model: Model, held_out: Text) -> float:
    """Loss on the held-out text, in nats per token."""
    model.eval()
    total, tokens = 0.0, 0
    length = EVALUATION_LENGTH
    end = min(len(held_out.ids) - length - 1, EVALUATION_SEQUENCES * length)
    if end <= 0:
        raise SystemExit(f"the held-out text needs more than {length + 1} tokens")
    with torch.no_grad():
        for start in range(0, end, length):
            inputs = torch.from_numpy(held_out.ids[start : start + length])[None]
            following = torch.from_numpy(held_out.ids[start + 1 : start + length + 1])
            logits = model(inputs).view(-1, model.shape.vocabulary)
            total += F.cross_entropy(logits, following, reduction="sum").item()
            tokens += length
    model.train()
    return total / tokens


def count_parameters(model: Model) -> int:
    """All of them; the shared embedding counts once."""
    return sum(weights.numel() for weights in model.parameters())


if __name__ == "__main__":
    main()
