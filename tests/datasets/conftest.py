"""A web server on this machine, in the place of the public origins."""

import http.server
import threading
from functools import partial

import pytest


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """Give the served folder, its address and the paths requested so far."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            requests.append(self.path)

    requests = []
    folder = tmp_path / "origin"
    folder.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()
    thread.join()
