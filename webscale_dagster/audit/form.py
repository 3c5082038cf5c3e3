"""The reviewers' form: one HTML file that needs no network and executes nothing of a document.

Makes the text of ``audit.html`` from the template ``form.html``. Documents are untrusted: they
travel as JSON without ``<`` and are shown as text; the file's policy lets nothing run but its own
script, and nothing load.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from webscale_dagster.audit.criteria import CATEGORIES, CRITERIA

# Inside <script> only these could end the data; the last two end lines in older JavaScript.
_ESCAPES = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def form_html(
    name: str,
    digest: str,
    documents: Sequence[Mapping[str, Any]],
    items: Sequence[Mapping[str, Any]],
) -> str:
    """The form with its sample; ``digest`` names the sample in saved labels."""
    template, hashes = _template()
    data = {
        "name": name,
        "sample": digest,
        "criteria": [asdict(criterion) for criterion in CRITERIA],
        "categories": CATEGORIES,
        "documents": documents,
        "items": items,
    }
    return template.render(name=name, data=Markup(embedded(data)), **hashes)


def embedded(data: Any) -> str:
    """JSON that can stand inside a ``<script>`` element, whatever its strings hold."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: _ESCAPES[found.group(0)], text)


@functools.cache
def _template() -> tuple[jinja2.Template, dict[str, str]]:
    """The template, and the hashes by which its policy knows its own script and style."""
    text = (resources.files("webscale_dagster") / "audit" / "form.html").read_text(encoding="utf-8")
    hashes = {tag: _policy_hash(text, tag) for tag in ("script", "style")}
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(text), hashes


def _policy_hash(text: str, tag: str) -> str:
    """The source expression of an inline element; it must hold no template variable."""
    inside = text.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
    digest = hashlib.sha256(inside.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
