"""How a page is made: its template, its publication's language, and the same calm page for every trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from digest.settings import Settings
from digest.templating import Templates

TROUBLE: dict[int, tuple[str, str]] = {
    400: ("That did not arrive whole", "Please go back and press the button again."),
    403: ("That was not sent from this page", "Open the link in your mail again and press the button there."),
    404: ("There is nothing here", "The address may be incomplete, or the page is not out yet."),
    405: ("That does not work here", "Please open this address in your browser instead."),
    413: ("That was too much at once", "Please go back and press the button again."),
    500: ("This is not working right now", "It is our fault, not yours. Please try again in a little while."),
    503: ("This is not working right now", "It is our fault, not yours. Please try again in a little while."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Makes the public pages."""

    settings: Settings
    templates: Templates

    def show(
        self,
        name: str,
        context: Mapping[str, Any],
        *,
        publication: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """`templates/pages/<name>.html` in the language of `publication`, or of all if they share one.

        Raises `TemplateFault`.
        """
        known = self.settings.publications.get(publication or "")
        language = known.language if known else self._shared_language()
        values = {
            "root": urlsplit(self.settings.site.base_url).path,
            "masthead": known.name if known else "",
            "masthead_language": known.language if known else language,
            "archive": f"/a/{publication}/" if known else "",
            "language": language,
            **context,
        }
        html = self.templates.render(f"pages/{name}.html", values)
        return HTMLResponse(html, status_code=status, headers=dict(headers or {}))

    @staticmethod
    def isolated(text: str) -> str:
        """A name or address kept in its own reading direction inside a sentence of any; "" stays ""."""
        return f"\u2068{text}\u2069" if text else ""

    def test_copy(self) -> HTMLResponse:
        """What the personal links of a proof lead to."""
        return self.show("proof", {})

    def trouble(self, status: int, *, headers: Mapping[str, str] | None = None) -> HTMLResponse:
        """A plain page that says what went wrong, never how."""
        title, advice = TROUBLE.get(status, TROUBLE[400 if status < 500 else 500])
        return self.show("trouble", {"title": title, "advice": advice}, status=status, headers=headers)

    def _shared_language(self) -> str:
        languages = {publication.language for publication in self.settings.publications.values()}
        return languages.pop() if len(languages) == 1 else "en"
