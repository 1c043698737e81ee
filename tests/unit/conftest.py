"""What several tests of the library need."""

import json
import re
import shutil
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The demo's model: Stable Diffusion's folders and grids (64 to 8) for 512 x 512 pictures, random weights."""
    import torch
    from semlens import tiny

    torch.set_num_threads(1)  # networks this small gain nothing from threads, and lose where other tests compete
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny.write(folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def small_model(tiny_model):
    """The same weights for 128 x 128 pictures: grids 16 to 2, and passes of milliseconds."""
    folder = tiny_model.with_name("small")
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps({**config, "sample_size": 16}))
    return folder


@dataclass
class Request:
    """What the server was asked for, and what it gave."""

    path: str
    start: int
    sent: int = 0


class Server(ThreadingHTTPServer):
    """An HTTP server on the loopback interface that misbehaves where ``tricks`` say so, one trick per request.

    A trick is a status, a status with headers, or: ``cut`` (the connection, after three quarters of what was asked
    for), ``early cut`` (after one), ``stall`` (after three quarters), ``pause`` (there, for a moment), ``silent`` (no
    answer at all), ``unsized`` (no length) or ``unsized cut``.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.tricks: dict[str, list] = defaultdict(list)
        self.knows_ranges = True
        self.requests: list[Request] = []
        self.busy = self.busiest = 0
        self.over = threading.Event()
        self.counting = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with self.server.counting:
            self.server.busy += 1
            self.server.busiest = max(self.server.busy, self.server.busiest)
        try:
            self.answer()
        except ConnectionError:
            pass  # the client has had enough
        finally:
            with self.server.counting:
                self.server.busy -= 1

    def answer(self):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        request = Request(self.path, int(asked[1]) if asked else 0)
        tricks = self.server.tricks[self.path]
        with self.server.counting:
            self.server.requests.append(request)
            trick = tricks.pop(0) if tricks else None
        if trick == "silent":
            self.server.over.wait(20)
            return
        content = self.server.files.get(self.path)
        start = request.start if self.server.knows_ranges else 0
        status, headers = (206 if start else 200), {}
        if isinstance(trick, tuple):
            status, headers = trick
        elif isinstance(trick, int):
            status = trick
        elif content is None:
            status = 404
        elif start >= len(content):
            status = 416
        body = content[start:] if status in (200, 206) else b"an apology"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not str(trick).startswith("unsized"):
            self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        early = len(body) * (1 if trick == "early cut" else 3) // 4
        if trick in ("cut", "early cut", "unsized cut"):
            self.send(body[:early], request)
        elif trick in ("stall", "pause"):
            self.send(body[:early], request)
            self.server.over.wait(20 if trick == "stall" else 0.3)
            self.send(body[early:], request)
        else:
            self.send(body, request)

    def send(self, body, request):
        for at in range(0, len(body), 2**14):
            self.wfile.write(body[at : at + 2**14])
            self.wfile.flush()
            request.sent += len(body[at : at + 2**14])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def architectures(tiny_model):
    """Narrow models of each architecture with random weights, in diffusers layout, for 128 x 128 pictures.

    What tells them apart is as published: SD 2's linear projections and heads of one width; SDXL's three levels, two
    text encoders, pooled text and sizes.
    """
    import torch
    from diffusers import UNet2DConditionModel
    from semlens import tiny
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    vocabulary = json.loads((tiny_model / "tokenizer" / "vocab.json").read_text())
    ends = {"bos_token_id": vocabulary["<|startoftext|>"], "eos_token_id": vocabulary["<|endoftext|>"]}
    narrow = {**tiny.TEXT, **ends, "pad_token_id": ends["eos_token_id"], "vocab_size": len(vocabulary)}

    def made(name, unet, texts):
        folder = tiny_model.with_name(name)
        shutil.copytree(tiny_model, folder, ignore=lambda parent, names: [n for n in names if n in ("unet", *texts)])
        torch.manual_seed(0)
        UNet2DConditionModel(**{**tiny.UNET, "sample_size": 16, **unet}).save_pretrained(folder / "unet")
        for part, (kind, config) in texts.items():
            kind(CLIPTextConfig(**{**narrow, **config})).save_pretrained(folder / part)
            if part.endswith("_2"):
                shutil.copytree(folder / "tokenizer", folder / "tokenizer_2")
        return folder

    return {
        "sd2": made(
            "sd2",
            {"attention_head_dim": [1, 2, 4, 4], "use_linear_projection": True, "cross_attention_dim": 48},
            {"text_encoder": (CLIPTextModel, {"hidden_size": 48, "num_hidden_layers": 3, "hidden_act": "gelu"})},
        ),
        "sdxl": made(
            "sdxl",
            {
                "block_out_channels": [16, 32, 64],
                "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
                "transformer_layers_per_block": [1, 2, 3],
                "attention_head_dim": [1, 2, 4],
                "use_linear_projection": True,
                "cross_attention_dim": 32 + 48,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 40 + 6 * 8,
            },
            {
                "text_encoder": (CLIPTextModel, {"num_hidden_layers": 3}),
                "text_encoder_2": (
                    CLIPTextModelWithProjection,
                    {"hidden_size": 48, "num_hidden_layers": 3, "hidden_act": "gelu", "projection_dim": 40},
                ),
            },
        ),
    }
