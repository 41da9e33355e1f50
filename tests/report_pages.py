"""Reports taken apart: their policy, their scripts, and the data that these draw."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from html.parser import HTMLParser

import numpy as np

from kept_models import stored

HOSTILE = (
    "<script>document.title='obeyed'</script>",
    "</script><img src=x onerror=\"document.title='obeyed'\">",
    "\"'`<b>bold</b> &amp; {{ 7 * 7 }} %{x} <a href='javascript:document.title=1'>here</a>",
    "\x1b[31mred\x07\u202eabc\u2028line",
    "n" * 10_000,
)
"""Names that a page, a script or a picture might obey."""

ZERO, LOUD = "model.layers.1.self_attn.v_proj.weight", "model.layers.2.mlp.up_proj.weight"


class Page(HTMLParser):
    """A page as a browser takes it apart: tags with attributes, and the text of each script."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.scripts, self.text = [], [], []
        self._within = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._within = tag
        if tag == "script":
            self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, tag):
        self._within = None

    def handle_data(self, data):
        if self._within == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self._within != "style":
            self.text.append(data)

    def script(self, name):
        """The text of the script with an id; None for the one that runs."""
        (found,) = [text for attributes, text in self.scripts if attributes.get("id") == name]
        return found

    @property
    def data(self):
        return json.loads(self.script("data"))

    @property
    def policy(self):
        """The directives of the Content-Security-Policy by name."""
        (content,) = [
            attributes["content"]
            for tag, attributes in self.tags
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        return {name: values for name, *values in (part.split() for part in content.split(";"))}

    @property
    def plotly(self):
        return gzip.decompress(base64.b64decode(self.script("plotly"))).decode()


def source_of(script):
    """What a policy calls a script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    return f"'sha256-{digest.decode()}'"


def unpacked(packed):
    """Numbers of a page from their codes, NaN where missing."""
    low, high, codes = packed
    numbers = np.frombuffer(base64.b64decode(codes), "<u2").astype(float)
    numbers[numbers == 65535] = np.nan
    return low + (high - low) * numbers / 65534


def sick_model(folder, write_checkpoint, extra=()):
    """A model of four blocks with a matrix of zeros, one much too large, and other tensors."""
    tensors = {}
    for block in range(4):
        for seed, (name, shape) in enumerate(
            {
                **{f"self_attn.{each}_proj": (64, 64) for each in "qkvo"},
                **{
                    "mlp.gate_proj": (128, 64),
                    "mlp.up_proj": (128, 64),
                    "mlp.down_proj": (64, 128),
                },
            }.items()
        ):
            full = f"model.layers.{block}.{name}.weight"
            scale = 2.0 if full == LOUD else 0.02
            tensors[full] = stored(shape, "F32", seed=20 * block + seed, scale=scale)
    tensors[ZERO] = ("F32", (64, 64), bytes(4 * 64 * 64))
    tensors["model.embed_tokens.weight"] = stored((100, 64), "F32", seed=99)
    tensors["lm_head.weight"] = stored((100, 64), "F32", seed=98)
    tensors["model.norm.weight"] = stored((64,), "F32", seed=97, scale=1.0)
    tensors |= {name: stored((64, 64), "F32", seed=100) for name in extra}
    folder.mkdir(exist_ok=True)
    config = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 4}))
    write_checkpoint(folder / "model.safetensors", tensors)
    return folder
