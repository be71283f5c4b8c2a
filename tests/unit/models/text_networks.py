"""Tiny text networks with random weights: decoders, whose windows of attention are 8 tokens, and more encoders."""

from collections.abc import Callable

import torch
import transformers
from torch import Tensor

from tests.unit.models.conftest import BERT_LIKE, CONFIGS, DISENTANGLED, RELATIVE, VOCAB_SIZE

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


ENCODERS: dict[str, Callable[[], transformers.PretrainedConfig]] = {
    "modernbert": CONFIGS["modernbert"],
    "deberta": lambda: transformers.DebertaConfig(**BERT_LIKE, **RELATIVE),
    "deberta-v2 with a convolution": lambda: transformers.DebertaV2Config(
        **BERT_LIKE, **DISENTANGLED, conv_kernel_size=3
    ),
    "deberta-v3": CONFIGS["deberta-v2"],
    "xlm-roberta": lambda: transformers.XLMRobertaConfig(**BERT_LIKE),
    "mpnet": CONFIGS["mpnet"],
    "electra": lambda: transformers.ElectraConfig(**BERT_LIKE, embedding_size=16),
}
