"""templates/README.md says what the code gives to templates, no more and no less."""

from digest.messages.context import readme
from digest.templating import Templates


def test_the_page_for_template_authors_is_the_one_the_code_makes():
    written = (Templates().builtin / "README.md").read_text(encoding="utf-8")
    assert written == readme(), "run `python -m digest.messages.context` and commit templates/README.md"
