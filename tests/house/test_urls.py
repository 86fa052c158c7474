"""Every URL stands in the sitemap with an audience, and nothing else is served."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from digest.database import Database
from digest.web.app import create_app
from digest.web.sitemap import SITE, Audience, Place, find
from tests import web
from tests.factories import NOW


@pytest.fixture(scope="module")
def served() -> set[tuple[str, str]]:
    database = Database("sqlite://")
    app = create_app(web.parts(database), clock=lambda: NOW)
    database.dispose()
    plain = [route for route in app.router.routes if isinstance(route, APIRoute)]
    assert plain == app.router.routes, (
        "what is mounted or included is served unseen; add plain routes to app.router"
    )
    return {(route.path, method) for route in plain for method in route.methods or ()}


def test_every_route_has_a_row_in_the_sitemap(served):
    rows = {(place.path, method) for place in SITE for method in place.methods}
    assert served - rows == set(), "give it a row with an audience in digest/web/sitemap.py"


def test_every_row_of_the_sitemap_is_served(served):
    rows = {(place.path, method) for place in SITE for method in place.methods}
    assert rows - served == set(), "nothing answers there; take the row out of digest/web/sitemap.py"


@pytest.mark.parametrize("place", SITE, ids=lambda place: place.path)
def test_every_row_says_who_may_see_it_and_what_it_is(place: Place):
    assert isinstance(place.audience, Audience)
    assert place.about


@pytest.mark.parametrize("place", SITE, ids=lambda place: place.path)
def test_head_goes_with_every_get(place: Place):
    assert ("GET" in place.methods) == ("HEAD" in place.methods)


def test_only_the_one_click_address_may_be_posted_to_from_elsewhere():
    assert [place.path for place in SITE if place.one_click] == ["/u/{token:path}"]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("/u/", "/u/{token:path}"),
        ("/u/a/b", "/u/{token:path}"),
        ("/p/x", "/p/{token:path}"),
        ("/a/weekly/", "/a/{publication}/"),
        ("/a/weekly/12", "/a/{publication}/{number:int}"),
        ("/a/weekly", None),
        ("/U/x", None),
        ("/", None),
    ],
)
def test_each_path_leads_to_the_row_that_answers_it(path, row):
    place = find(path)
    assert (place.path if place else None) == row
