"""Write a checkpoint of train.py and its tokenizer as one GGUF file of the llama architecture."""

import argparse

import gguf
import numpy as np
import sentencepiece

from model import NORM_EPSILON, ROPE_BASE, Model, load_checkpoint

# Names of a block's matrices here and in the file.
BLOCK_MATRICES = {
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
UNKNOWN_ID, BEGIN_ID, END_ID = 0, 1, 2


def main() -> None:
    arguments = parse_arguments()
    model = load_checkpoint(arguments.checkpoint)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=arguments.spm)

    writer = gguf.GGUFWriter(arguments.out, "llama")
    write_header(writer, model, arguments)
    write_tokenizer(writer, tokenizer)
    write_weights(writer, model, np.float32 if arguments.type == "f32" else np.float16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(arguments.out)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--spm", required=True, help="SentencePiece model of spm_train")
    parser.add_argument("--name", required=True, help="general.name of the file")
    parser.add_argument("--out", required=True)
    parser.add_argument("--type", choices=["f32", "f16"], default="f32", help="type of the matrices")
    parser.add_argument("--context", type=int, default=512, help="trained context, in tokens")
    return parser.parse_args()


def write_header(writer: gguf.GGUFWriter, model: Model, arguments: argparse.Namespace) -> None:
    shape = model.shape
    is_f32 = arguments.type == "f32"
    writer.add_name(arguments.name)
    writer.add_context_length(arguments.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if is_f32 else gguf.LlamaFileType.MOSTLY_F16)


def write_tokenizer(
    writer: gguf.GGUFWriter, tokenizer: sentencepiece.SentencePieceProcessor
) -> None:
    ids = range(tokenizer.vocab_size())
    writer.add_tokenizer_model("llama")
    writer.add_token_list([tokenizer.id_to_piece(token).encode() for token in ids])
    writer.add_token_scores([tokenizer.get_score(token) for token in ids])
    writer.add_token_types([token_type(tokenizer, token) for token in ids])
    writer.add_unk_token_id(UNKNOWN_ID)
    writer.add_bos_token_id(BEGIN_ID)
    writer.add_eos_token_id(END_ID)
    # As the text was encoded for training: nothing is put in front of it or behind it.
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def token_type(tokenizer: sentencepiece.SentencePieceProcessor, token: int) -> gguf.TokenType:
    if tokenizer.is_unknown(token):
        return gguf.TokenType.UNKNOWN
    if tokenizer.is_control(token):
        return gguf.TokenType.CONTROL
    if tokenizer.is_byte(token):
        return gguf.TokenType.BYTE
    return gguf.TokenType.NORMAL


def write_weights(writer: gguf.GGUFWriter, model: Model, matrix_type: type) -> None:
    """Matrices in the type asked for, norms always as f32: runtimes expect them so."""
    weights = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}

    def matrix(name: str, source: str) -> None:
        writer.add_tensor(name, weights[source].astype(matrix_type))

    def norm(name: str, source: str) -> None:
        writer.add_tensor(name, weights[source].astype(np.float32))

    matrix("token_embd.weight", "embedding.weight")
    norm("output_norm.weight", "norm")
    for layer in range(model.shape.layers):
        source, target = f"blocks.{layer}", f"blk.{layer}"
        norm(f"{target}.attn_norm.weight", f"{source}.attention_norm")
        norm(f"{target}.ffn_norm.weight", f"{source}.feed_forward_norm")
        for ours, theirs in BLOCK_MATRICES.items():
            matrix(f"{target}.{theirs}.weight", f"{source}.{ours}.weight")


if __name__ == "__main__":
    main()
