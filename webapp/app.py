"""The article's Flask app, and what shows its architecture at work: who answered, and a file written."""

import os
import socket
from pathlib import Path
from uuid import uuid4

from flask import Flask, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.utils import secure_filename

app = Flask(__name__)
application = app  # what `gunicorn app` looks for
app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024  # nginx's own default, client_max_body_size 1m

SLOT = int(os.environ.get("TASK_SLOT", "1"))  # which of the replicas this is
UPLOADS = Path(app.root_path, "static", "uploads")  # in the volume that nginx serves
TYPES = {".txt", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf"}  # nothing that a browser would run


def identity() -> dict[str, str | int | None]:
    return {
        "slot": SLOT,
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "host": request.host,  # what nginx was told to send, not what the browser asked for
        "remote_addr": request.remote_addr,  # the proxy, never the browser
    }


def page(error: str = "") -> str:
    files = sorted(UPLOADS.glob("[!.]*"), key=lambda file: file.stat().st_mtime, reverse=True)
    names = [file.name for file in files]
    saved = {"name": request.args.get("saved"), "by": request.args.get("by", SLOT, int)}
    return render_template(
        "index.html",
        me=identity(),
        error=error,
        saved=saved if saved["name"] in names else None,
        names=names[:6],
    )


@app.get("/")
def index() -> str:
    return page()


@app.post("/")
def upload() -> ResponseReturnValue:
    file = request.files.get("file") or abort(400, "Choose a file first.")
    name = secure_filename(file.filename or "")
    if Path(name).suffix.lower() not in TYPES or len(name) > 100:
        abort(400, f"A short name, please, that ends in {', '.join(sorted(TYPES))}.")
    UPLOADS.mkdir(exist_ok=True)
    draft = UPLOADS / f".{uuid4().hex}"
    file.save(draft)
    draft.replace(UPLOADS / name)  # whole at once: nginx may be reading the one before
    return redirect(url_for("index", saved=name, by=SLOT), 303)


@app.errorhandler(400)
@app.errorhandler(413)
def refused(error: HTTPException) -> ResponseReturnValue:
    return page(error.description or error.name), error.code or 400


@app.get("/whoami")
def whoami() -> ResponseReturnValue:
    return identity()


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    return {"status": "ok"}


@app.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    return redirect(url_for("static", filename="favicon.svg"), 301)
