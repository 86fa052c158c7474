"""A table of posts as the world writes them, half of them traps: what each is, and that no wrong one gets a button."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from digest.posts.happenings import Judged, judge
from digest.posts.model import (
    CallToAction,
    CtaKind,
    Event,
    EventStatus,
    Evidence,
    Origin,
    PageFacts,
    StaffFacts,
    Verdict,
)
from tests import factories
from tests.factories import NOW

DAY = timedelta(days=1)
SOON, LONG_AGO = NOW + 10 * DAY, NOW - 40 * DAY
PAGE = "https://www.example.org/news/the-post"
EVENT, MAYBE, POST = Verdict.EVENT, Verdict.MAYBE, Verdict.POST
CATEGORIES = frozenset({"Events", "Webinars"})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One post, what it is, and the one address its button may lead to ("" for no button)."""

    title: str
    body: str = ""
    verdict: Verdict
    is_trap: bool = True
    button: str = ""
    kind: CtaKind = CtaKind.REGISTER
    age: timedelta = DAY
    categories: tuple[str, ...] = ()
    url: str = PAGE
    event: Event | None = None
    page: tuple[Event, ...] = ()
    is_article: bool = True
    canonical: str | None = None
    staff: StaffFacts | None = None
    more: dict[str, object] = field(default_factory=dict)


def told(
    title: str = "River evening", *, origin: Origin = Origin.JSON_LD, own: bool = True, **facts
) -> Event:
    facts = {"starts_at": SOON, "ends_at": SOON + timedelta(hours=2), **facts}
    evidence = (Evidence(fact="kind", origin=origin, quote="Event"),)
    return Event(
        **{"uid": PAGE if own else "", "title": title, "timezone": "UTC", "evidence": evidence, **facts}
    )


def staff(verdict: Verdict, **facts) -> StaffFacts:
    return StaffFacts(verdict=verdict, by="Mara", at=NOW, **facts)


def perhaps(title: str, body: str = "", **more) -> Row:
    return Row(title=title, body=body, verdict=MAYBE, is_trap=False, **more)


def trap(title: str, body: str = "", **more) -> Row:
    return Row(title=title, body=body, verdict=POST, **more)


ANNOUNCED = [
    perhaps("REGISTER NOW: Keeping rivers cool in dry summers"),
    perhaps("Register: Beekeeping for beginners", "The course will be held in the old school."),
    perhaps("📣 RSVP – Neighbours' supper under the lime trees"),
    perhaps("Save the date: Harbour clean-up"),
    perhaps("Webinar: Reading a water bill", "Two engineers will explain the small print."),
    perhaps("Event: Lantern parade along the canal"),
    perhaps("Join us for an evening of harvest songs"),
    perhaps("Join us at the seed exchange"),
    perhaps("You're invited: opening of the wheelwright's yard"),
    perhaps("You are cordially invited to our members' breakfast"),
    perhaps("Invitation to the open workshop of the boat builders"),
    perhaps("[Virtual] Town hall on the new tram"),
    perhaps("Last chance to register: Hedge-laying day"),
    perhaps("Registration is now open for the spring hike"),
    perhaps("Tickets: Choir in the quarry"),
    perhaps("REGISTER NOW — WEBINAR ON SOIL AND SALT"),
    perhaps("Live: Debate of the mayoral candidates", "Viewers will be able to send questions."),
    perhaps("REGISTER NOW: Workshop hosted by the ferry guild"),
    perhaps(
        "REGISTER NOW: Second night of the moths",
        "The first night was held in May and brought together sixty people. The second will take place in the orchard.",
    ),
    perhaps("Webinar: Applying for the coastal fellowship", "Register here to ask the jury your questions."),
    perhaps("Charity auction with a brass band: register now"),
    perhaps("Our annual summit on night trains", "Reserve your seat. Places are limited."),
    perhaps("Come and join us in the orchard", "RSVP to the wardens so that we bake enough bread."),
    perhaps(
        "A walk among old pear trees",
        "Please register here.",
        url="https://www.example.org/events/pear-walk/",
    ),
    perhaps("Pear evening", "Tasting will take place in the barn.", categories=("events",)),
    perhaps(
        "Pruning in company",
        "On 3 December 2026 we prune. Register at https://www.eventbrite.co.uk/e/pruning-123 before Friday.",
    ),
    perhaps("REGISTER: A conference on bridges, with Ana joining from Quito", "Register online."),
    perhaps("Jetzt anmelden: Waldspaziergang mit der Försterin"),
    perhaps("Einladung zum Herbstfest der Kleingärten"),
    perhaps("Save the Date – Tagung der Dorfläden"),
    perhaps("Inscrivez-vous : balade botanique au bord du canal"),
    perhaps("Rejoignez-nous pour une soirée de contes"),
    perhaps("À vos agendas : fête du four à pain"),
    perhaps("¡Inscríbete ya! Taller de compost en el barrio"),
    perhaps("Te invitamos al concierto de marimbas"),
    perhaps("Inscripciones abiertas: escuela de verano del río"),
    perhaps("سجل الآن: ورشة عمل حول زراعة الأسطح"),
    perhaps("Реєструйтесь: вебінар про міські сади"),
    perhaps("REGISTER：Evening with the lighthouse keepers"),
    perhaps("Register now!", "Register online for the winter swim, which will take place at the weir."),
    perhaps("RSVP: Guided reading in the tree archive"),
    perhaps("CANCELLED: Saturday's bat walk", more={"status": EventStatus.CANCELLED}),
    perhaps("Bat walk (POSTPONED)", more={"status": EventStatus.POSTPONED}),
    perhaps("Abgesagt: Fledermausnacht am Weiher", more={"status": EventStatus.CANCELLED}),
    perhaps("ANNULÉ : marché de Noël des potiers", more={"status": EventStatus.CANCELLED}),
    perhaps("Aplazado: paseo nocturno por el humedal", more={"status": EventStatus.POSTPONED}),
]

TRAPS = [
    trap("Recap: Harbour clean-up 2026"),
    trap("Webinar recap: Reading a water bill", "Register here for the next one."),
    trap("Webinar: Reading a water bill", "Thank you to everyone who joined us. Watch the recording below."),
    trap("Event: Lantern parade", "The parade took place on Saturday and drew two hundred children."),
    trap("Watch the webinar: Soil and salt", "Sign up here for news of our next webinar."),
    trap("Watch now: Debate of the mayoral candidates"),
    trap("Recording available: Town hall on the new tram"),
    trap("Live updates: Council votes on the tram"),
    trap("Highlights from the river conference", categories=("Events",)),
    trap("Lessons from the webinar on hedges", "Register now for our newsletter."),
    trap("Conference report: Bridges and their towns"),
    trap("Summit report: What night trains need"),
    trap("River summit: outcomes and next steps"),
    trap(
        "Panel at the summit: who pays for shade?",
        "Four panellists discussed who pays.",
        categories=("Webinars",),
    ),
    trap("Photos from the members' breakfast"),
    trap("Report from the workshop on dry stone walls"),
    trap("Looking back at a year of open days"),
    trap("Thank you for joining the seed exchange!"),
    trap(
        "What we learned at the annual summit on night trains", "You can still register for the mailing list."
    ),
    trap("Successful workshop on compost in the valley", "The group hosted a workshop for farmers."),
    trap("Guild hosted its first ferry conference"),
    trap("Delegates convened for the water assembly"),
    trap("Noted hydrologist joins our board"),
    trap("Former ferry captain joins the Institute", "Join us in welcoming her."),
    trap("Three towns join the coalition for shade", "Register your interest with the secretary."),
    trap("Calling chemistry teachers to join a national study", "Sign up here to take part."),
    trap("Join us in welcoming our new director"),
    trap("Join us in calling for cleaner ferries", "Sign up now and add your name."),
    trap("Join us as a bookkeeper"),
    trap("Join us: we are hiring two wardens", "Apply by 3 December 2026."),
    trap("Register now: Fellowship for young surveyors", "Applications close on 3 December 2026."),
    trap("Register as a volunteer with the night shelter"),
    trap("Register to vote before Friday"),
    trap(
        "Register your domain name before the price rises",
        "Register now at https://register.example.net/names",
    ),
    trap(
        "How small shops find customers", "It costs little to register a domain, set up AdWords and sign up."
    ),
    trap("Register of lobbyists published at last"),
    trap("Court orders a public register of mine owners", "Companies must register by 3 December 2026."),
    trap("A registered charity for forty years"),
    trap("Call for papers: Conference on bridges", "Register your abstract here by 3 December 2026."),
    trap("Save the date? Why archives lose theirs", "An essay on calendars."),
    trap("Call for proposals: Summer workshop", "Sign up here."),
    trap("Inviting doubt: an essay on tenders"),
    trap("Invitation to tender: dredging the harbour", "Register on the portal by 3 December 2026."),
    trap("REGISTER NOW: Keeping rivers cool in dry summers", age=60 * DAY),
    trap("Webinar: Reading a water bill", age=400 * DAY),
    trap("Save the date: Harbour clean-up", age=46 * DAY),
    trap(
        "The event that changed the valley", "An obituary for Rosa, who registered every bird that she saw."
    ),
    trap("Event logs explained", "Each sign up event is registered with a time stamp in the log."),
    trap("An extraordinary general meeting elects new chair"),
    trap("Spring in the parks: an invitation"),
    trap("Minister addresses conference on bridges", "He called the plan a promise to towns."),
    trap("Why conferences are hard to reach by train", categories=("Events",)),
    trap("Giving day: donate today", "Join us on our way to the goal."),
    trap("Subscribe now: our newsletter has a new face", "Sign up here."),
    trap("The workshop of the last wheelwright", "A portrait of a craftsman, with drawings."),
    trap("Cash registers disappear from market stalls"),
    trap("Rückblick: Tagung der Dorfläden"),
    trap("Bericht vom Workshop im Moor", "Jetzt anmelden für den Rundbrief."),
    trap("Vortrag: Moore im Klimawandel", "Der Vortrag fand am Freitag im Rathaus statt."),
    trap("Stellenangebot: Leitung der Waldschule", "Bitte anmelden bis Freitag."),
    trap("Compte rendu : atelier sur les haies"),
    trap("Retour sur la conférence des ports", "Inscrivez-vous à notre lettre."),
    trap("Webinaire : lire sa facture d'eau", "Le webinaire s'est tenu jeudi ; revoir le replay."),
    trap("Appel à candidatures : résidence au moulin", "S'inscrire avant vendredi."),
    trap("Resumen del taller de compost"),
    trap("Convocatoria: beca para jóvenes cartógrafas", "Inscríbete en la página."),
    trap("Así fue la jornada de puertos", categories=("Events",)),
    trap("Підсумки: вебінар про міські сади"),
    trap("ملخص ندوة زراعة الأسطح"),
    trap("Podcast: A talk with the lighthouse keepers", "Sign up here for the feed."),
    trap("[Video] Town hall on the new tram"),
]

REGISTER = "https://www.eventbrite.com/e/river-evening-42"
FACTS = [
    Row(title="REGISTER NOW: River evening", verdict=EVENT, is_trap=False, page=(told(register_url=REGISTER),), button=REGISTER),
    Row(title="River evening", verdict=EVENT, is_trap=False, event=told(origin=Origin.EVENTS_CALENDAR), page=(told(register_url=REGISTER),), button=REGISTER),
    Row(title="River evening", verdict=EVENT, is_trap=False, page=(told(),)),
    Row(title="River evening", verdict=EVENT, is_trap=False, page=(told(register_url="https://buytickets.at/quarry/1"),), button="https://buytickets.at/quarry/1", kind=CtaKind.TICKETS),
    Row(title="River evening", verdict=EVENT, is_trap=False, page=(told(online=True, register_url="https://zoom.us/j/123"),), button="https://zoom.us/j/123", kind=CtaKind.JOIN),
    Row(title="River evening", verdict=EVENT, page=(told(register_url="https://zoom.us/j/123"),)),
    Row(title="River evening", verdict=EVENT, page=(told(register_url=PAGE),)),
    Row(title="River evening", verdict=EVENT, page=(told(register_url="mailto:a@example.org"),)),
    Row(title="River evening", verdict=EVENT, page=(told(status=EventStatus.CANCELLED, register_url=REGISTER),), more={"status": EventStatus.CANCELLED}),
    Row(title="CANCELLED: River evening", verdict=EVENT, page=(told(register_url=REGISTER),), more={"status": EventStatus.CANCELLED}),
    Row(title="River evening – POSTPONED", verdict=EVENT, event=told(origin=Origin.ICAL, register_url=REGISTER), more={"status": EventStatus.POSTPONED}),
    Row(title="River evening", verdict=POST, page=(told(starts_at=LONG_AGO, ends_at=None, register_url=REGISTER),)),
    Row(title="What the river evening told us", verdict=POST, page=(told(starts_at=LONG_AGO, ends_at=None, register_url=REGISTER),)),
    Row(title="New weir opens", verdict=POST, page=(told("Moth night", own=False, uid="https://www.example.org/events/moths", register_url=REGISTER),)),
    Row(title="New weir opens", verdict=POST, is_article=False, page=(told("Moth night", own=False, register_url=REGISTER),)),
    Row(title="New weir opens", verdict=POST, is_article=False, page=tuple(told(f"Night {n}", own=False, register_url=REGISTER) for n in "ab")),
    Row(title="Moth night raises money for the weir", verdict=POST, page=(told("Moth night", own=False, register_url=REGISTER),)),
    Row(title="Recap: Grand moth night by the weir", verdict=POST, page=(told("Grand moth night by the weir", own=False, register_url=REGISTER),)),
    Row(title="Grand moth night 2025", verdict=POST, page=(told("Grand moth night 2026", own=False, register_url=REGISTER),)),
    Row(title="New weir opens", verdict=POST, canonical="https://www.example.org/", page=(told("Moth night", uid="https://www.example.org/", register_url=REGISTER),)),
    Row(title="Register: River evening by the weir", verdict=EVENT, is_trap=False, page=(told("River evening by the weir | Example", own=False, register_url=REGISTER),), button=REGISTER),
    Row(title="River evening", verdict=MAYBE, page=(told(starts_at=None, ends_at=None, register_url=REGISTER),)),
    Row(title="River evening: photos", verdict=POST, event=told(origin=Origin.FEED, starts_at=None, ends_at=None)),
    Row(title="River evening", verdict=POST, page=(told(register_url=REGISTER),), staff=staff(POST)),
    Row(title="River evening", verdict=MAYBE, page=(told(register_url=REGISTER),), staff=staff(MAYBE)),
    Row(title="A quiet title", verdict=MAYBE, staff=staff(EVENT, register_url=REGISTER)),
    Row(title="A quiet title", verdict=EVENT, is_trap=False, staff=staff(EVENT, starts_at=SOON, register_url=REGISTER), button=REGISTER),
    Row(title="River evening", verdict=EVENT, is_trap=False, page=(told(register_url=REGISTER),), staff=staff(EVENT, register_url="https://bit.ly/river"), button="https://bit.ly/river"),
    Row(title="River evening", verdict=EVENT, page=(told(cta=CallToAction(url="https://bit.ly/river")),)),
    Row(title="River evening", verdict=EVENT, page=(told(register_url="https://eventbrite.example.net/e/1"),), button="https://eventbrite.example.net/e/1"),
]  # fmt: skip

# The same in other words, and headings that only look like calls.
FURTHER = [
    perhaps("Join Our Webinar on Coral Bleaching", "Tuesday 2 December at 3pm GMT. Register here."),
    perhaps("Free Online Workshop: Writing Grant Applications", "Book your place."),
    perhaps("Upcoming Webinar: New rules for mini-grids"),
    perhaps("Annual General Meeting 2026 – RSVP"),
    perhaps(
        "Don't miss our Christmas Fair!",
        "Join us on 5 December from 10am in the hall. Tickets available at the door.",
    ),
    perhaps("Summer School 2027: Applications and registration now open", "Register online by 1 March."),
    perhaps(
        "Virtual Roundtable: The Future of Fisheries",
        "Registration is required. The discussion will explore...",
    ),
    perhaps(
        "Invitation: Launch of the 2026 State of Wetlands report",
        "We are pleased to invite you to the launch.",
    ),
    perhaps("Open Day at the Observatory", "Come and join us on Saturday. Reserve a place online."),
    perhaps("REMINDER: Register today for Tuesday's briefing"),
    perhaps(
        "Side event | Water and peace | 14 December",
        "Please register using the form. The side event will take place in room 4.",
    ),
    perhaps("Einladung: Digitale Infoveranstaltung am 4. Dezember", "Bitte anmelden unter info@example.org"),
    perhaps("Atelier participatif – inscrivez-vous !"),
    perhaps("Conversatorio: Mujeres y territorio", "Inscripción previa."),
    trap("Webinar Series Wraps Up with Record Attendance"),
    trap("Minister opens workshop on fisheries", "The workshop will run for three days."),
    trap("Institute to host 2027 World Congress"),
    trap("Registration fees for charities to rise", "Charities will have to register online by 1 April."),
    trap("Tickets, please: how ferries lost their conductors"),
    trap("Save the wetlands: sign up now", "Sign our petition."),
    trap("Live music returns to the square", "Bands will join the programme every Friday."),
    trap("Invitation letter scam: what to do"),
    trap("Five Takeaways from COP"),
    trap("Event space available for hire", "Book now via our website."),
    trap("RSVP Programme recruits 200 volunteers"),
    trap(
        "Our training programme trained 300 nurses",
        "Participants were trained over three days in a workshop. Register for updates.",
    ),
    trap("Symposium Proceedings Now Available", "Download. Register for free access."),
    trap("Meet our new events manager", "Jo joins us from..."),
    trap("Statement on the cancelled elections"),
    trap("Cancelled: the debt of twelve towns"),
    trap("Tickets: why prices doubled"),
    trap("Webinar: What we heard", "Over 300 people attended our webinar last week."),
    trap("The Conference on Disarmament is deadlocked"),
    trap("How to register a birth", "Parents must register at the town hall. Register online."),
    trap("Workshop participants call for action", "Participants from 12 countries called on ..."),
    trap("Training of trainers in Goma", "From 3 to 5 November, 25 trainers were trained."),
    trap("Event: a poem"),
    trap("REGISTER NOW for the 2026 Fellowship"),
    trap("Register now for our newsletter"),
    trap("Open call: register your project for the prize", "Register now"),
    trap("Postponed justice: the trial that never was"),
    trap("Video: Join us for a tour of the lab"),
    trap("Join us for a year of service", "Become a volunteer. Sign up now."),
    trap("Join the movement: register as an ally"),
    trap(
        "Seminar: Peacekeeping at 75",
        "On 4 November 2026 the Mission of Norway and the Institute held a seminar on peacekeeping.",
    ),
    trap("Workshop: Training local mediators", "In October, the guild trained forty mediators in the delta."),
]

ROWS = [*ANNOUNCED, *TRAPS, *FACTS, *FURTHER]


def judged(row: Row) -> Judged:
    stored = factories.stored_post(
        title=row.title,
        url=row.url,
        summary="",
        body=row.body,
        published_at=NOW - row.age,
        categories=row.categories,
        event=row.event,
    )
    page = PageFacts(url=row.url, canonical_url=row.canonical, is_article=row.is_article, events=row.page)
    stored = replace(
        stored, page=page if row.page else None, staff=row.staff, event_key="k1", event_revision=2
    )
    return judge(stored, now=NOW, timezone="UTC", event_categories=CATEGORIES)


def button(result: Judged) -> tuple[str, CtaKind] | None:
    cta = result.event.cta if result.event else None
    return (cta.url, cta.kind) if cta else None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title[:50])
def test_each_post_is_taken_for_what_it_is(row):
    result = judged(row)
    assert result.verdict is row.verdict, result.reason
    assert button(result) == ((row.button, row.kind) if row.button else None)
    assert row.more.get("status", EventStatus.SCHEDULED) is (result.event or told()).status
    assert (result.event is None) == (result.verdict is POST)


def test_not_one_post_of_the_table_gets_a_wrong_button():
    wrong = [
        row.title
        for row in ROWS
        if (given := button(judged(row))) is not None and given != (row.button, row.kind)
    ]
    verdicts = Counter(str(row.verdict) for row in ROWS)
    print(
        f"{len(ROWS)} posts ({dict(verdicts)}), {sum(r.is_trap for r in ROWS)} traps, wrong buttons: {len(wrong)}"
    )
    assert wrong == []


def test_the_table_is_large_enough_to_mean_something_and_half_of_it_are_traps():
    assert len({(row.title, row.body, row.age) for row in ROWS}) >= 80
    assert 0.4 <= sum(row.is_trap for row in ROWS) / len(ROWS) <= 0.7


def test_a_perhaps_has_neither_a_date_nor_an_address_to_register_at():
    for row in ROWS:
        result = judged(row)
        if result.verdict is MAYBE:
            event = result.event
            assert (event.starts_at, event.register_url, event.cta, event.dates) == (None, None, None, ())
            assert [one for one in event.evidence if one.fact == "kind"]


def test_every_verdict_is_explained_to_staff_in_one_sentence():
    for row in ROWS:
        reason = judged(row).reason
        assert reason[0].isupper() and reason.endswith(".") and len(reason) < 300


def test_the_date_of_an_event_is_the_one_its_structured_data_gives_and_no_other():
    for row in ROWS:
        result = judged(row)
        if result.verdict is EVENT:
            assert result.event.starts_at in {SOON, datetime(2026, 11, 29, 9, tzinfo=UTC)}
