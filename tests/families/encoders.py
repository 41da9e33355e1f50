"""Encoders, and models of two halves."""

from __future__ import annotations

from families.arguments import Family, bart_like, bert, t5_like, without_kv

ENCODERS = (
    bert("bert", "Bert"),
    bert("roberta", "Roberta"),
    bert("electra", "Electra", embedding_size=20),
    bert("deberta", "Deberta", relative_attention=True, pos_att_type=["c2p", "p2c"]),
    bert("deberta_v2", "DebertaV2", relative_attention=True, pos_att_type=["c2p", "p2c"]),
    bert("modernbert", "ModernBert"),
    Family(
        "albert",
        "AlbertConfig",
        "AlbertForMaskedLM",
        lambda s: without_kv(s, embedding_size=20),
        shared=True,
    ),
    Family(
        "distilbert",
        "DistilBertConfig",
        "DistilBertForMaskedLM",
        lambda s: {
            "vocab_size": s.vocab,
            "dim": s.hidden,
            "hidden_dim": s.ffn,
            "n_layers": s.layers,
            "n_heads": s.heads,
            "max_position_embeddings": 64,
        },
    ),
    Family("t5", "T5Config", "T5ForConditionalGeneration", t5_like, "tokens_twice"),
    Family(
        "t5_gated",
        "T5Config",
        "T5ForConditionalGeneration",
        lambda s: t5_like(s, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
        "tokens_twice",
    ),
    Family("bart", "BartConfig", "BartForConditionalGeneration", bart_like, "tokens_twice"),
    Family(
        "whisper",
        "WhisperConfig",
        "WhisperForConditionalGeneration",
        lambda s: bart_like(
            s,
            num_mel_bins=8,
            max_source_positions=12,
            max_target_positions=32,
            begin_suppress_tokens=None,
        ),
        "sound_and_tokens",
    ),
)
