"""The to-do list: items that wait for a person, acknowledgement and assignment."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.commands import todos
from kulanz.formats.messages import message
from kulanz.queries import todo
from kulanz.services import Services
from kulanz.web.console import questions

_DONE = {
    "seen": message("It is noted that you have seen it."),
    "done": message("It is done."),
    "assigned": message("It is noted who takes care."),
}


class TodoPages:
    """The page of the to-do list."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/todo", "todo", self.list, methods=["GET"])
        blueprint.add_url_rule("/todo/<ident>/acknowledge", "acknowledge", self.acknowledge, methods=["POST"])
        blueprint.add_url_rule("/todo/<ident>/assign", "assign", self.assign, methods=["POST"])

    def list(self) -> str:
        """Show the items, urgent ones first."""
        with self._services.database.read() as conn:
            rows, now = todo.todo_list_in(self._services, conn), self._services.clock.now(conn)
        done = questions.word("done", _DONE)
        return render_template("ops/todo.html", rows=rows, now=now, done=_DONE[done] if done else None)

    def acknowledge(self, ident: str) -> Response:
        """Mark an item as seen."""
        matter = todos.acknowledge(self._services, ident, g.user.name)
        return _back("done" if matter.ends_when_seen else "seen")

    def assign(self, ident: str) -> Response:
        """Assign an item; without a name it is unassigned."""
        todos.assign(self._services, ident, request.form.get("name") or None, g.user.name)
        return _back("assigned")


def _back(done: str) -> Response:
    return make_response(redirect(url_for("ops.todo", done=done), code=303))
