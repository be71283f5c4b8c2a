"""Tiny text networks with random weights: decoders, whose windows of attention are 8 tokens, and more encoders."""

from collections.abc import Callable

import torch
import transformers
from torch import Tensor

VOCAB_SIZE = 60
WINDOW = 8
LIKE_LLAMA = {
    "vocab_size": VOCAB_SIZE,
    "max_position_embeddings": 66,
    "pad_token_id": 1,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 48,
}
MIXED = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"] * 2}
UPPER = {"sliding_window": WINDOW, "use_sliding_window": True, "max_window_layers": 2}
DECODERS: dict[str, Callable[[], transformers.PretrainedConfig]] = {
    "llama": lambda: transformers.LlamaConfig(**LIKE_LLAMA),
    "mistral": lambda: transformers.MistralConfig(**LIKE_LLAMA, sliding_window=WINDOW),
    "qwen2": lambda: transformers.Qwen2Config(**LIKE_LLAMA, **UPPER),
    "qwen3": lambda: transformers.Qwen3Config(**LIKE_LLAMA, **UPPER),
    "gemma2": lambda: transformers.Gemma2Config(**LIKE_LLAMA, **MIXED, query_pre_attn_scalar=8),
    "gemma3": lambda: transformers.Gemma3TextConfig(**LIKE_LLAMA, **MIXED, query_pre_attn_scalar=8),
    "olmo2": lambda: transformers.Olmo2Config(**LIKE_LLAMA),
    "olmo3": lambda: transformers.Olmo3Config(**LIKE_LLAMA, **MIXED),
    "cohere2": lambda: transformers.Cohere2Config(**LIKE_LLAMA, **MIXED),
    "phi3": lambda: transformers.Phi3Config(**LIKE_LLAMA, sliding_window=WINDOW),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCAB_SIZE, n_positions=66, n_embd=32, n_layer=4, n_head=4, bos_token_id=2, eos_token_id=3
    ),
}


def padded(length: int, *, side: str) -> dict[str, Tensor]:
    """Return a batch of three rows of token ids, of which one is whole and two are padded on one side."""
    ids = (torch.arange(3 * length).reshape(3, length) * 7 + 5) % (VOCAB_SIZE - 4) + 4
    mask = torch.ones_like(ids)
    for row, num_padded in enumerate((0, 1, length // 2)):
        if num_padded:
            mask[row, slice(num_padded) if side == "left" else slice(-num_padded, None)] = 0
    return {"input_ids": ids.where(mask.bool(), 1), "attention_mask": mask}


def like_bert(**more: object) -> dict[str, object]:
    """Return settings of a tiny network of BERT's kind."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
    return {"vocab_size": VOCAB_SIZE, "max_position_embeddings": 66, "pad_token_id": 1, **sizes, **more}


RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
DISENTANGLED = {**RELATIVE, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True}
ENCODERS: dict[str, Callable[[], transformers.PretrainedConfig]] = {
    "modernbert": lambda: transformers.ModernBertConfig(
        **like_bert(
            cls_token_id=2,
            sep_token_id=3,
            bos_token_id=2,
            eos_token_id=3,
            global_attn_every_n_layers=2,
            local_attention=8,
        )
    ),
    "deberta": lambda: transformers.DebertaConfig(**like_bert(**RELATIVE)),
    "deberta-v2 with a convolution": lambda: transformers.DebertaV2Config(
        **like_bert(**DISENTANGLED, conv_kernel_size=3)
    ),
    "deberta-v3": lambda: transformers.DebertaV2Config(**like_bert(**DISENTANGLED)),
    "xlm-roberta": lambda: transformers.XLMRobertaConfig(**like_bert()),
    "mpnet": lambda: transformers.MPNetConfig(**like_bert(bos_token_id=2, eos_token_id=3)),
    "electra": lambda: transformers.ElectraConfig(**like_bert(embedding_size=16)),
}
