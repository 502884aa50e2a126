"""Somebody who uses the console as a browser does: follows its forms, with the token that is in them."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')
HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')


class Operator:
    """One browser."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = ""

    def log_in(self, name: str, password: str) -> TestResponse:
        response = self.client.post("/ops/login", data={"name": name, "password": password})
        if response.status_code == 303:
            # Every page has the token; one that is not there asks the database for nothing.
            self.token = self._token(self.client.get("/ops/not-there").text)
        return response

    def see(self, path: str, status: int = 200) -> str:
        response = self.client.get(path)
        assert response.status_code == status, (path, response.status_code, response.text)
        return response.text

    def post(self, path: str, **fields: Any) -> TestResponse:
        return self.client.post(path, data={"token": self.token, **fields})

    def order(self, account: str, **fields: Any) -> TestResponse:
        """Look at what would follow, then do it."""
        return self.post(f"/ops/accounts/{account}/orders", **self.proposal(account, **fields))

    def proposal(self, account: str, **fields: Any) -> dict[str, str]:
        """Return the hidden fields of the page that shows what would follow."""
        response = self.post(f"/ops/accounts/{account}/preview", **fields)
        assert response.status_code == 200, response.text
        return dict(HIDDEN.findall(response.text.partition("<main")[2]))

    @staticmethod
    def _token(page: str) -> str:
        result = TOKEN.search(page)
        assert result is not None, page
        return result[1]
