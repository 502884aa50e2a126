"""The reference for receiving: a Flask view that does nothing, on the server that Kulanz runs on."""

from flask import Flask

app = Flask(__name__)


@app.post("/webhooks/lemonsqueezy")
def nothing() -> str:
    return ""
