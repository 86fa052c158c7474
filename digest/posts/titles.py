"""Titles and openings that call: "REGISTER NOW: X" is X with an invitation, and an excerpt need not say it again."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from digest.posts.model import EventStatus

_LONGEST = 500
_MOST_CALLS = 5


class Call(enum.Enum):
    """What stands before a title: an invitation, a kind of event, a word on its fate, or a word that says nothing."""

    INVITES = enum.auto()
    IS_A_KIND = enum.auto()
    CANCELLED = enum.auto()
    POSTPONED = enum.auto()
    NEUTRAL = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleRead:
    """A title taken apart: its plain words, the words of each call around them, and the status they tell."""

    plain: str
    calls: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    status: EventStatus | None = None

    @property
    def signs(self) -> str:
        """The words that speak for an event, as they stand in the title; empty where there are none."""
        return ", ".join((*self.calls, *self.kinds))


_INVITES = (
    # English
    r"(?:last (?:chance|call|days?) to |don[’']t forget to |hurry[,:]? )?(?:please )?(?:pre-?)?register"
    r"(?: (?:now|today|here|online|early|soon|for free|free|in advance|to (?:attend|join)))*"
    r"|rsvp(?: (?:now|today|here|by \w{1,10} \w{1,10}))?|sign up (?:now|today|here)|book (?:now|today|here|early)"
    r"|(?:book|reserve|save|secure|claim) your (?:free )?(?:seat|spot|place|tickets?)(?: (?:now|today|here))?"
    r"|(?:event )?registrations? (?:is |are )?(?:now )?(?:open|opens)(?: now)?|open for registration|new date"
    r"|rescheduled"
    r"|save (?:the|this|these) dates?|mark your calendars?|(?:an? )?(?:open |special )?invit(?:ation|e)"
    r"|you(?:[’']re| are) (?:all )?(?:cordially |warmly )?invited|join us(?: (?:online|live|virtually|in person))?"
    r"|(?:get (?:your )?)?tickets(?: (?:are |is )?(?:now )?(?:on sale|available))?(?: now)?"
    r"|(?:upcoming |free )?event|upcoming events?"
    # French
    r"|inscrivez[- ]vous(?: (?:dès maintenant|maintenant|ici|vite))?|(?:les )?inscriptions? (?:sont )?ouvertes?"
    r"|je m[’']inscris|à vos agendas|(?:réservez|retenez|notez|bloquez) la date|vous êtes invité(?:e|s|es|\(e\)s)?"
    r"|rejoignez[- ]nous|réservez (?:vos places|votre place)|billetterie(?: ouverte)?|événement|évènement"
    r"|derni(?:ère chance|ers jours) pour s[’']inscrire"
    # Spanish
    r"|inscr[ií]b(?:ete|ase|anse)(?: (?:ya|ahora|aqu[ií]|hoy))?|reg[ií]str(?:ate|ese|ense)(?: (?:ya|ahora|aqu[ií]|hoy))?"
    r"|inscripci(?:ón|ones) abiertas?|(?:reserva|aparta|guarda|agenda) la fecha"
    r"|est(?:ás|á|án|áis) invitad[oa]s?|te invitamos|los invitamos|invitación|acompáñ[ae]nos|evento"
    r"|entradas a la venta|última oportunidad para (?:inscribirse|registrarse)"
    # German
    r"|jetzt (?:noch )?(?:an ?melden|registrieren|tickets sichern|platz sichern)|(?:jetzt )?(?:bitte )?anmelden"
    r"|(?:die )?anmeldung (?:ist )?(?:ab sofort |jetzt )?(?:offen|möglich|geöffnet|gestartet|läuft)"
    r"|(?:herzliche )?einladung|(?:sie sind|du bist|ihr seid) (?:herzlich )?eingeladen|wir laden (?:herzlich )?ein"
    r"|terminhinweis|termin vormerken|veranstaltung(?:shinweis|stipp)?|letzte chance(?: zur anmeldung)?"
    # Arabic
    r"|سج[ّ]?ل(?:وا)?(?: الآن)?|(?:باب )?التسجيل مفتوح|دعوة(?: (?:عامة|لحضور))?|احفظوا? (?:التاريخ|الموعد)"
    r"|انضم(?:وا)? إلينا|فعالية|تذاكر"
    # Ukrainian
    r"|(?:за)?реєстру(?:йтесь|йтеся|ватися|ватись)(?: зараз)?|реєстрація (?:вже )?(?:відкрита|триває)"
    r"|відкрито реєстрацію|(?:збережіть|запам[’'ʼ]ятайте) дату|запрошуємо|запрошення|приєднуйте?ся(?: до нас)?|подія"
)
_KINDS = (
    r"(?:(?:free|live|online|virtual|hybrid|zoom|public|upcoming) )*(?:webinar|webcast|workshop|seminar|masterclass"
    r"|info(?:rmation)? session|open day|town hall|meet-?up)|live(?:stream)?|(?:virtual|online|live|zoom|hybrid) event"
    r"|webinaire|atelier|séminaire|conférence|visioconférence|portes ouvertes"
    r"|webinario|seminario web|taller|seminario|conversatorio"
    r"|online-(?:seminar|veranstaltung|vortrag|workshop)|tag der offenen tür|infoabend|vortrag"
    r"|ندوة(?: (?:عبر الإنترنت|إلكترونية|افتراضية))?|ورشة(?: عمل)?|ويبينار"
    r"|вебінар|семінар|майстер-клас|воркшоп|онлайн-зустріч|лекція"
)
_CANCELLED = r"cancell?ed|called off|annulée?s?|cancelad[oa]s?|abgesagt|entfällt|ملغ(?:ى|اة)|أُ?لغيت|скасовано|відмінено"
_POSTPONED = r"postponed|reportée?s?|aplazad[oa]s?|pospuest[oa]s?|verschoben|مؤج[ّ]?لة?|перенесено|відкладено"
_NEUTRAL = (
    r"reminder|(?:final|last|friendly|gentle) reminder|updated?|new|free|last chance|today|tomorrow|important"
    r"|rappel|dernier rappel|recordatorio|importante|erinnerung|neu|aktualisiert|wichtig|تذكير|هام|нагадування|важливо"
)
# After a title only what can be nothing but a call: "Spring in the parks: an invitation" is an essay.
_INVITES_AFTER = (
    r"(?:please )?(?:register|book)(?: (?:now|today|here|online))+|register|rsvp|save the date"
    r"|registrations? (?:is |are )?(?:now )?open(?: now)?|tickets (?:are )?(?:now )?(?:on sale|available)(?: now)?"
    r"|you(?:[’']re| are) invited|join us|inscrivez[- ]vous(?: (?:dès maintenant|maintenant|ici))?"
    r"|inscriptions ouvertes|inscr[ií]b(?:ete|ase)(?: (?:ya|ahora|aqu[ií]))?|inscripciones abiertas"
    r"|reg[ií]str(?:ate|ese)(?: (?:ya|ahora|aqu[ií]))?|jetzt (?:anmelden|registrieren)|سج[ّ]?ل(?:وا)? الآن"
    r"|(?:за)?реєструйте?сь?(?: зараз)?|реєстрація (?:відкрита|триває)"
)
_ORNAMENT = r"[^\w\[(（【«“\"'¿¡<]{0,20}[¡¿]?"
_BREAK = r"\s{0,3}[!.…]{0,3}\s{0,3}(?:[:：﹕︰|｜•·»›>→‒–—]{1,3}|!|-{1,2}(?=\s))\s{0,3}"
# Only where the words that are left stand by themselves; in German, Ukrainian and Arabic they would keep a case.
_LEADING_TO = re.compile(
    r"(?:(?:please )?(?:last (?:chance|call|days?) to )?(?:register|sign up|rsvp)(?: (?:now|today|here|online))*"
    r" (?:for|to attend|to join)|join us(?: (?:online|live|virtually|in person))? (?:for|at)"
    r"|you(?:[’']re| are) (?:all )?(?:cordially |warmly )?invited(?: to(?: (?:attend|join))?| for)"
    r"|(?:an? )?invitation to(?: attend| join)?|save the dates? for|(?:get your )?tickets (?:are )?(?:now )?on sale for"
    r"|registrations? (?:is |are )?(?:now )?open(?: now)? for"
    r"|(?:reserve|save|book) your (?:seat|spot|place|tickets?) (?:for|at)"
    r"|inscrivez[- ]vous (?:à|au|aux|pour)|rejoignez[- ]nous (?:à|au|aux|pour)|invitation (?:à|au|aux)"
    r"|inscr[ií]b(?:ete|ase) (?:en|para|al?)|reg[ií]str(?:ate|ese) (?:en|para|al?)|te invitamos al?|acompáñ[ae]nos en"
    r")\s+(?=\S)",
    re.IGNORECASE,
)
_SHOUTED = re.compile(r"(?:REGISTER (?:NOW|HERE|TODAY)|SIGN UP (?:NOW|HERE)|RSVP NOW|SAVE THE DATE)\s{1,3}")
_TOKEN = re.compile(r"\w+")
# "Tickets: why prices doubled", "Cancelled: the debt of twelve towns": headings of news, not of events.
_ALSO_NEWS = frozenset({"tickets", "event", "live", "invite", "cancelled", "canceled", "postponed"})


def read_title(title: str) -> TitleRead:
    """Take `title` apart; what is not a call stays as its author wrote it, and something always stays."""
    rest, kept = title.strip(), ""
    found: list[tuple[Call, str]] = []
    for _ in range(_MOST_CALLS):
        role, words, length = _call_before(rest)
        if role is None or _is_heading(rest, words, length):
            break
        found.append((role, words))
        if role is Call.IS_A_KIND:
            kept += rest[:length]
        rest = rest[length:]
    role, words, start = _call_after(rest)
    if role is not None:
        found.append((role, words))
        rest = rest[:start] if role is not Call.IS_A_KIND else rest
    told = {role for role, _ in found} - {Call.NEUTRAL}
    if not told or not _TOKEN.search(rest):
        return TitleRead(plain=title.strip())
    status = EventStatus.POSTPONED if Call.POSTPONED in told else None
    return TitleRead(
        plain=_capital((kept + rest).strip()),
        calls=tuple(words for role, words in found if role not in {Call.IS_A_KIND, Call.NEUTRAL}),
        kinds=tuple(words for role, words in found if role is Call.IS_A_KIND),
        status=EventStatus.CANCELLED if Call.CANCELLED in told else status,
    )


def plain_title(title: str) -> str:
    """`title` without the call before or after it: "REGISTER NOW: X" becomes "X".

    A word that says what kind of event it is ("Webinar: X") stays; a title that is nothing but a call stays whole.
    """
    return read_title(title).plain


def _call_before(text: str) -> tuple[Call | None, str, int]:
    """The role of the call that `text` begins with, its words, and how much of `text` it takes."""
    head = text[:_LONGEST]
    for role, pattern in _BEFORE:
        if match := pattern.match(head):
            return role, match[match.lastgroup or 0], match.end()
    ornament = _ORNAMENT_BEFORE.match(head)
    start = ornament.end() if ornament else 0
    if match := _LEADING_TO.match(head, start):
        return Call.INVITES, match[0].strip(), match.end()
    match = _SHOUTED.match(head, start)
    if match and any(letter.islower() for letter in head[match.end() :]):
        return Call.INVITES, match[0].strip(), match.end()
    return None, "", 0


def _is_heading(text: str, words: str, length: int) -> bool:
    """Whether what looks like a call is the first word of a sentence about it."""
    spoken = words.casefold() in _ALSO_NEWS and not words.isupper()
    return spoken and text[length : length + 1].islower() and ":" in text[:length]


def _call_after(text: str) -> tuple[Call | None, str, int]:
    """The role of the call that `text` ends with, its words, and where it begins."""
    if len(text) > _LONGEST:
        return None, "", 0
    for role, pattern in _AFTER:
        if (match := pattern.search(text)) and match.start():
            return role, match[match.lastgroup or 0], match.start()
    return None, "", 0


def _capital(text: str) -> str:
    """`text` beginning with a capital, unless its first word has one elsewhere ("iPhone")."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first == first.lower() else text


def _before(words: str) -> re.Pattern[str]:
    return re.compile(
        rf"{_ORNAMENT}(?:(?P<open>{words}){_BREAK}"
        rf"|[\[(（【<]\s?(?P<shut>{words})[!.]?\s?[\])）】>]\s?[:：–—-]?\s{{0,3}})",
        re.IGNORECASE,
    )


def _after(words: str) -> re.Pattern[str]:
    return re.compile(
        rf"\s?(?:[:：|｜•·–—]|(?<=\s)-{{1,2}}(?=\s)|(?<=[.!?]))\s{{0,3}}(?P<open>{words})\s?[!.…]{{0,3}}$"
        rf"|\s?[\[(（【]\s?(?P<shut>{words})[!.]?\s?[\])）】]$",
        re.IGNORECASE,
    )


_IN_BRACKETS = re.compile(
    rf"{_ORNAMENT}[\[(（【]\s?(?P<shut>virtual|online|hybrid|en ligne|en línea)\s?[\])）】]\s{{0,3}}",
    re.IGNORECASE,
)
_BEFORE = (
    (Call.CANCELLED, _before(_CANCELLED)),
    (Call.POSTPONED, _before(_POSTPONED)),
    (Call.INVITES, _before(_INVITES)),
    (Call.IS_A_KIND, _before(_KINDS)),
    (Call.IS_A_KIND, _IN_BRACKETS),
    (Call.NEUTRAL, _before(_NEUTRAL)),
)
_AFTER = (
    (Call.CANCELLED, _after(_CANCELLED)),
    (Call.POSTPONED, _after(_POSTPONED)),
    (Call.INVITES, _after(_INVITES_AFTER)),
    (Call.IS_A_KIND, _after(_KINDS)),
)
_ORNAMENT_BEFORE = re.compile(_ORNAMENT)
