"""Language models, plain ones and state-space hybrids."""

from __future__ import annotations

from families.arguments import Family, gpt2_like, llama_like, lm, without_kv

DECODERS = (
    lm("llama", "Llama", llama_like, layers=11),
    lm("mistral", "Mistral", lambda s: llama_like(s, head_dim=s.wide)),
    lm("qwen2", "Qwen2", lambda s: llama_like(s, tie_word_embeddings=True)),
    lm("qwen3", "Qwen3", lambda s: llama_like(s, head_dim=s.wide)),
    lm("gemma", "Gemma", lambda s: llama_like(s, head_dim=s.wide, num_key_value_heads=1)),
    lm("gemma2", "Gemma2", lambda s: llama_like(s, head_dim=s.wide)),
    Family(
        "gemma3_text",
        "Gemma3TextConfig",
        "Gemma3ForCausalLM",
        lambda s: llama_like(s, head_dim=s.wide),
    ),
    lm("olmo2", "Olmo2", llama_like),
    lm("phi", "Phi", lambda s: without_kv(s)),
    lm("phi3", "Phi3", llama_like),
    lm("stablelm", "StableLm", llama_like),
    lm("starcoder2", "Starcoder2", llama_like),
    lm("granite", "Granite", llama_like),
    lm("cohere2", "Cohere2", llama_like),
    lm("nemotron", "Nemotron", llama_like),
    lm("gpt_neox", "GPTNeoX", without_kv),
    lm("persimmon", "Persimmon", without_kv),
    Family("gpt2", "GPT2Config", "GPT2LMHeadModel", gpt2_like),
    Family(
        "gpt2_cross",
        "GPT2Config",
        "GPT2LMHeadModel",
        lambda s: gpt2_like(s, add_cross_attention=True),
        "tokens_and_states",
    ),
    lm("gpt_bigcode_mqa", "GPTBigCode", gpt2_like),
    lm("gpt_bigcode_mha", "GPTBigCode", lambda s: gpt2_like(s, multi_query=False)),
    lm("gptj", "GPTJ", lambda s: gpt2_like(s, rotary_dim=4)),
    lm("codegen", "CodeGen", lambda s: gpt2_like(s, rotary_dim=4, n_ctx=64)),
    Family(
        "gpt_neo",
        "GPTNeoConfig",
        "GPTNeoForCausalLM",
        lambda s: {
            "vocab_size": s.vocab,
            "hidden_size": s.hidden,
            "intermediate_size": s.ffn,
            "num_layers": s.layers,
            "num_heads": s.heads,
            "attention_types": [[["global"], s.layers]],
            "max_position_embeddings": 64,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
    ),
    lm(
        "bloom",
        "Bloom",
        lambda s: {
            "vocab_size": s.vocab,
            "hidden_size": s.hidden,
            "n_layer": s.layers,
            "n_head": s.heads,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
    ),
    Family(
        "opt",
        "OPTConfig",
        "OPTForCausalLM",
        lambda s: without_kv(s, ffn_dim=s.ffn, word_embed_proj_dim=s.hidden // 2),
    ),
    lm(
        "falcon_rw",
        "Falcon",
        lambda s: without_kv(s, multi_query=False, alibi=True, ffn_hidden_size=s.ffn),
    ),
    lm("falcon_7b", "Falcon", lambda s: without_kv(s, ffn_hidden_size=s.ffn)),
    lm(
        "falcon_40b",
        "Falcon",
        lambda s: without_kv(
            s,
            new_decoder_architecture=True,
            num_kv_heads=s.kv_heads,
            ffn_hidden_size=s.ffn,
        ),
    ),
    lm(
        "mpt",
        "Mpt",
        lambda s: {
            "vocab_size": s.vocab,
            "d_model": s.hidden,
            "n_heads": s.heads,
            "n_layers": s.layers,
            "expansion_ratio": 2,
            "max_seq_len": 64,
        },
    ),
)

MAMBAS = (
    lm(
        "falcon_h1",
        "FalconH1",
        lambda s: llama_like(
            s,
            head_dim=s.wide,
            mamba_d_ssm=s.hidden,
            mamba_n_heads=4,
            mamba_d_head=s.hidden // 4,
            mamba_n_groups=1,
            mamba_d_state=8,
        ),
    ),
    lm(
        "mamba",
        "Mamba",
        lambda s: {
            "vocab_size": s.vocab,
            "hidden_size": s.hidden,
            "num_hidden_layers": s.layers,
            "state_size": 8,
            "time_step_rank": 4,
            "pad_token_id": 0,
        },
    ),
)
