"""What the words of a post say for its being an event to come, and what they say against it."""

from __future__ import annotations

import re

_LONGEST_TEXT = 20_000
_OCCASION = (
    r"(?:webinar|webcast|workshop|conference|seminar|symposium|summit|forum|panel|round-?table|event|meeting|session|course"
    r"|training|town hall|open day|gala|festival|fair|concert|lecture|masterclass|meet-?up|reception|launch|briefing"
    r"|assembly|convention|congress|retreat|hackathon|walk|fundraiser|dinner|ceremony|screening|exhibition|debate|talk"
    r"|webinaire|atelier|séminaire|conférence|colloque|rencontre|réunion|soirée|webinario|taller|seminario|conferencia"
    r"|encuentro|jornada|foro|tagung|konferenz|vortrag|veranstaltung|treffen|sommerfest|fest|вебінар|семінар|конференц\w{0,3}"
    r"|зустріч|захід|форум|ندوة|ورشة|مؤتمر|لقاء|فعالية)"
)
_SOMEBODY_ELSE = (
    r"(?:board|team|staff|call|coalition|campaign|study|union|council|committee|faculty|family|network)"
)

# A title that says one of these tells of what was.
_TOLD_IN_TITLE = re.compile(
    rf"\b(?:re-?cap(?:s|ped|ping)?|round-?up of|wrap-?up|recordings?|recorded|replay|on[- ]demand|took place|was held|were held"
    rf"|convened|concluded|concludes|wrapped up|wraps up|hosted(?! by)|(?<!to be )held (?:a|an|its|the|in|at|on|first)|look(?:s|ing)? back"
    rf"|throwback|what we (?:learned|learnt|heard|saw)|thank(?:s| you) for (?:joining|attending|coming)|lessons from (?:the|our) {_OCCASION}s?"
    rf"|(?:news|photos|pictures|images|slides|videos?|minutes|transcript|podcast|proceedings|outcomes?|findings|reports?|summary|review"
    rf"|results|resources|presentations|statement|communiqu[eé]|highlights|notes|scenes|reflections|insights|takeaways|dispatch(?:es)?) (?:from|of|at|on)"
    rf" (?:the |our |last |this |a )?(?:[\w’'-]+ ){{0,4}}{_OCCASION}s?"
    rf"|{_OCCASION}s?(?: \d{{4}})?(?: |: | – | - )(?:report|summary|review|proceedings|highlights|outcomes?|outcome document|minutes|photos"
    rf"|pictures|gallery|videos?|slides|notes|podcast|transcript|findings|results|materials|takeaways|resources|in review|in pictures)"
    rf"(?! (?:launch|presentation|release|discussion|writing|workshop|webinar|briefing|session|competition|night|day))"
    rf"|(?<=[:–—|-] )(?:the )?(?:photos|pictures|video|report|slides|gallery|results|summary|transcript|minutes|podcast)(?=\W{{0,3}}$)"
    rf"|last (?:week|month|year|night|weekend)[’']s|yesterday[’']s|past event|sold[- ]out|rückblick|nachlese|nachbericht"
    rf"|(?:bericht|eindrücke|fotos|bilder) (?:vom|von der|zur|zum|über)|aufzeichnung|mitschnitt|so war|das war|fand statt"
    rf"|retour sur|compte[- ]rendu|bilan (?:de|du|des)|revivez|revoir|en images|rétrospective|enregistrement|s[’']est tenue?"
    rf"|resumen|memorias? del?|grabación|así fue|revive|se celebró|se llevó a cabo|tuvo lugar|balance del?|relatoría"
    rf"|підсумки|відбу(?:вся|лася|лось|лося|лись|лися)|як пройш\w{{1,3}}|запис (?:вебінару|зустрічі)|звіт (?:про|з)"
    rf"|ملخص|تسجيل (?:الندوة|اللقاء|الورشة)|اختتام|اختتمت)\b",
    re.IGNORECASE,
)
# These may as well be what an event is about.
_MAY_BE_TOLD = re.compile(
    r"\b(?:highlights?|take-?aways?|attended|gathered|what happened|thank you|thanks (?:to|for)|lessons (?:from|learned|learnt)"
    r"|insights from|reflections? (?:on|from)|notes from|reports? (?:from|back|on)|success(?:ful(?:ly)?)?|drew|draws|raises|raised"
    r"|brought together|brings together|last (?:week|month|year|night|weekend)|yesterday|announces?|winners?|speech|op-ed|interview)\b",
    re.IGNORECASE,
)
_WATCH = re.compile(
    r"^\W{0,3}(?:re-?)?watch\b(?! (?:party|night|committee|group))|\b(?:re-?watch|watch(?:ing)? (?:the|our|now|again|here|back|it|this|on|video|recording|live))\b"
    r"|[\[(](?:watch|video|recording|listen|podcast|photos?)[\])]|^\W{0,3}(?:video|listen|podcast|photos?)\s?[:|–-]",
    re.IGNORECASE,
)
_LIVE_NEWS = re.compile(
    r"\blive (?:updates?|blog|coverage|results?|scores?)\b|^\W{0,3}live\b.{0,60}\b(?:updates?|results?)\b",
    re.IGNORECASE,
)
_OTHER_REGISTER = re.compile(
    r"\b(?:regist(?:er|ry) of|registered|registers|registrar|registries|(?:land|cash|risk|voters?|electoral|electors|civil"
    r"|asset|beneficial ownership|public|national|company|court|church|school|shipping|transparency|lobby(?:ing)?|donor"
    r"|organ donor|parish|trade|sex offenders?|gift|the|a|its|their|new|our) register|register (?:to vote|as (?:an? )?\w+"
    r"|(?:your|a|an|the|its|their|our|my|new) (?:\w+[ -]){0,2}(?:domains?|domain names?|names?|interest|products?|votes?|trademarks?|charit(?:y|ies)"
    r"|organi[sz]ations?|business|compan(?:y|ies)|pets?|children|child|address|births?|deaths?|marriages?|account|property|vehicle|card)"
    r"|(?:domains?|domain names?|births|deaths|voters|companies|charities|products)\b|for (?:our |the |a |an )?(?:newsletter|account|membership|updates|email|alerts?|gp|university)"
    r"|with (?:us|a|your|the)\b)"
    r"|did not register|failed to register|refus\w+ to register|(?:un)?able to register|bid to register|right to register)\b",
    re.IGNORECASE,
)
_JOINS = re.compile(
    rf"\bjoin(?:s|ed|ing)\b|\bjoin (?:the |our |your |a |an )?(?:\w+ ){{0,3}}{_SOMEBODY_ELSE}\b"
    rf"|\bto join (?!us\b)|\bwelcom(?:e|es|ing)\b.{{0,40}}\b(?:director|chair|president|officer|board|team|staff|member)",
    re.IGNORECASE,
)
_JOIN_US_OTHERWISE = re.compile(
    r"\bjoin us (?:in (?:\w+ing|our|the (?:fight|effort|struggle|movement)|solidarity)\b|as (?:an?|our)\b|on (?:our|the|a) (?:journey|mission|path|team|board)"
    r"|to (?:protect|save|help|end|stop|fight|make|build|support|demand|call|defend)\b)|\bwork with us\b",
    re.IGNORECASE,
)
_CALL_FOR = re.compile(
    r"\binvitation (?:to|for) (?:tender|bid|quote|apply|submit|comment|treat)s?\b|\b(?:request for (?:proposals|quotations|tenders)|tenders?:)"
    r"|\bcalls? (?:for|to) (?:\w+ ){0,2}(?:papers?|proposals?|applications?|applicants|abstracts?|submissions?|nominations?|speakers?"
    r"|volunteers?|tenders?|entries|evidence|contributions?|participants?|projects?|expressions? of interest|input|partners|consultants?)\b"
    r"|\b(?:appel (?:à|aux) (?:\w+ ){0,2}(?:candidatures?|contributions?|communications?|projets?|propositions?|bénévoles|dons)"
    r"|convocatoria|ausschreibung|stellenausschreibung|stellenangebot|wir suchen|call for papers|recrutement|nous recrutons|vacante"
    r"|оголошення про тендер|вакансі[яї]|конкурс на|وظيفة|وظائف|شاغرة|توظيف)\b",
    re.IGNORECASE,
)
_ASKS_OTHERWISE = re.compile(
    r"\b(?:vacanc(?:y|ies)|job (?:opening|opportunity|posting|alert|offer)s?|jobs?|we[’']re hiring|we are hiring|hiring|recruit(?:s|ing|ment)"
    r"|now accepting|apply (?:now|by|for|today|here|to)|applications? (?:are |is )?(?:now )?(?:open|close|deadline|invited)"
    r"|fellowships?|internships?|scholarships?|bursar(?:y|ies)|traineeships?|donat(?:e|ions?|ing)|give today|giving (?:tuesday|day)"
    r"|volunteers? (?:wanted|needed|with)|become a (?:volunteer|member|donor|mentor)|sign up (?:as|to (?:volunteer|be|become))|petition"
    r"|subscribe|newsletter|stellen|praktikum|spenden?|offre d[’']emploi|emploi|faire un don|donar|empleo|beca)\b",
    re.IGNORECASE,
)
_SAYS_OCCASION = re.compile(rf"\b{_OCCASION}s?\b", re.IGNORECASE)
_CALLS = re.compile(
    r"\bjoin us\b|\bdon[’']t miss\b|\bregistrations? (?:is |are )?(?:now )?open\b|\bregister (?:now|today|here)\b|\bregister(?=\W{0,3}$)|\brsvp\b|\bsave the date\b|\bsign up (?:now|today)\b"
    r"|\binvit(?:ation|ed)\b|\binscrivez[- ]vous\b|\brejoignez[- ]nous\b|\binscr[ií]b(?:ete|ase)\b|\bte invitamos\b|\bjetzt anmelden\b"
    r"|\bзапрошуємо\b|\bприєднуйте?ся\b|\bتدعوكم\b|\bندعوكم\b",
    re.IGNORECASE,
)
_OCCASIONS = re.compile(
    r"\b(?:webinar|webcast|workshop|conference|seminar|symposium|summit|forum|side[- ]event|panel discussion|round-?table|open day|town hall|gala"
    r"|festival|masterclass|meet-?up|concert|lecture|training|hackathon|book launch|open house|info(?:rmation)? session|webinaire|atelier"
    r"|séminaire|conférence|colloque|soirée|webinario|taller|seminario|conferencia|jornada|tagung|konferenz|vortrag|sommerfest|infoabend"
    r"|вебінар|семінар|конференція|майстер-клас|ندوة|ورشة|مؤتمر)s?\b",
    re.IGNORECASE,
)
_STRONG_ANYWHERE = re.compile(
    r"^\W{0,4}(?:herzliche )?einladung zu[mr]?\b|^\W{0,4}запрошуємо (?:вас )?на\b", re.IGNORECASE
)

# In a text, what asks readers to register, and what announces.
_REGISTRATION = re.compile(
    r"\b(?:(?:please )?register (?:now|here|today|online|below|in advance|for free|via|through|at|by|using|to (?:attend|join|secure)|for (?:this|the))"
    r"|to register|rsvp|(?:reserve|save|secure|book|claim) (?:your|a) (?:free )?(?:seat|spot|place|tickets?)"
    r"|sign up (?:now|here|today|online|below|via|at|by)|(?:get|buy|book) (?:your )?tickets|tickets (?:are |cost |from |available|on sale)"
    r"|registrations? (?:is|are|link|form|required|opens?|closes?|now open|page)|free (?:but|,) registration|join (?:via|on|by|through) (?:zoom|teams|webex)"
    r"|(?:pleased|delighted|honou?red|happy|proud) to invite|(?:cordially |warmly )?invites? you|you(?:[’']re| are) (?:all )?(?:cordially |warmly )?invited"
    r"|(?:please |come and |do )?join us (?:for|at|on|in person|online|live)|book (?:here|online|now)|places are limited|limited places"
    r"|inscrivez[- ]vous|inscription (?:gratuite|obligatoire|en ligne|ici)|s[’']inscrire|réservez (?:votre|vos)|sur inscription|vous invit(?:e|ons|ent)"
    r"|inscr[ií]b(?:ete|ase|irse)|reg[ií]str(?:ate|ese)|inscripción (?:gratuita|previa|en línea)|te(?:nemos el agrado de)? invitamos|les? invita"
    r"|(?:hier |jetzt |bitte )anmelden|melden sie sich|meldet euch|anmeldung (?:unter|bis|über|erforderlich|ist|per)|um anmeldung|laden .{0,30}\bein\b"
    r"|реєструйте?сь?|зареєструйте?сь?|для реєстрації|за посиланням для реєстрації|запрошуємо"
    r"|للتسجيل|سج[ّ]?ل(?:وا)? (?:الآن|هنا)|يرجى التسجيل|التسجيل عبر|تدعوكم|ندعوكم)(?:\b|(?=\s|$))",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"\b(?:will (?:be held|take place|be hosted|host|hold|discuss|explore|feature|bring|convene|gather|present|speak|join|open|run|examine)"
    r"|takes place (?:on|at|in|this)|(?:coming|upcoming|next) (?:week|month|event|webinar|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"|aura lieu|se tiendra|tendrá lugar|se celebrará|se llevará a cabo|findet .{0,40}\bstatt\b|відбудеться|(?:سي|ست)(?:عقد|قام|نظم))\b",
    re.IGNORECASE,
)
# What only a text about something past says; the first kind even beside an invitation.
_OVER = re.compile(
    rf"\b(?:thank(?:s| you)(?: so much| very much)?(?: to)?(?: (?:you|all|everyone|everybody))?(?: (?:who|of you who|to all who|for))? (?:joined|joining|attended|attending|coming|came|participated|participating|to all who|to everyone)"
    rf"|(?:re-?)?watch (?:the|a|our|this|full)(?: \w+){{0,2}} (?:recording|video|replay|webinar|session|discussion|event|conversation|livestream)(?: here| below| now)?"
    rf"|(?:recordings?|replay|slides) (?:(?:of|from) [^.!?]{{1,60}} )?(?:is|are) (?:now )?(?:available|below|here|online)|recording (?:below|here)|(?:if you )?missed (?:it|the|this|our) ?{_OCCASION}?\?"
    rf"|(?:voir|revoir|regarder) (?:le replay|l[’']enregistrement)|le replay est|aufzeichnung (?:ist|steht|finden)|la grabación está|vielen dank an alle|merci à (?:tous|toutes)|gracias a (?:todos|todas)"
    rf"|дякуємо (?:всім|усім)|запис (?:доступний|вебінару)|شكرا لكل|شكرًا لكل)\b",
    re.IGNORECASE,
)
_TOLD = re.compile(
    rf"\b(?:took place|(?:was|were) (?:held|hosted|organi[sz]ed|convened|attended)|(?:we|and partners|colleagues) (?:recently |successfully |co-?)?(?:held|hosted|organi[sz]ed|convened|gathered)"
    rf"|(?:hosted|held|convened|co-hosted|organi[sz]ed|attended) (?:a|an|its|the|our|their|his|her|this)\b|brought together|came together|gathered (?:in|at|for|to)|concluded (?:with|on|in)"
    rf"|(?:participants|attendees|speakers|panell?ists|delegates|guests) (?:discussed|highlighted|emphasi[sz]ed|shared|reflected|agreed|heard|explored|learned|learnt|called|noted|stressed|enjoyed|included|came)"
    rf"|(?:last|this past|past) (?:week|month|year|night|weekend|monday|tuesday|wednesday|thursday|friday|saturday|sunday)[’']?s? ?{_OCCASION}?"
    rf"|a eu lieu|s[’']est tenue?|s[’']est déroulée?|ont participé|se celebró|se llevó a cabo|tuvo lugar|participaron|fand .{{0,60}}\bstatt\b|nahmen .{{0,40}}\bteil\b|trafen sich"
    rf"|відбу(?:вся|лася|лося|лися)|взяли участь|عُقدت?|اختتمت|شارك(?:ت)? في)\b",
    re.IGNORECASE,
)

# How a report begins, whatever its verbs.
_NARRATES = re.compile(
    r"^\W{0,5}(?:In|On|From|Last|This past|Over|During|Between)\b[^.!?]{0,200}?\b(?:[a-z]{3,20}ed|held|met|took|brought|led|gave|spoke|came)\b"
)
_FORWARD = re.compile(r"\b(?:will|join|register|upcoming|rsvp|learn how|find out)\b", re.IGNORECASE)


def past_in_title(title: str) -> str:
    """The words of a title that tell of something past; "" without any."""
    return _first(title, _TOLD_IN_TITLE, _WATCH, _LIVE_NEWS)


def against_in_title(title: str, *, invites: bool) -> str:
    """The words of a title that ask for something other than to come; "" without any.

    Words of jobs, grants and donations count only where the title names no occasion: a webinar may be about them.
    What may be an event's subject as well, and a person who joins, count only where the title itself does not invite.
    """
    found = _first(title, _CALL_FOR, _JOIN_US_OTHERWISE, _OTHER_REGISTER)
    if not found and not _SAYS_OCCASION.search(title):
        found = _first(title, _ASKS_OTHERWISE)
    return found or ("" if invites else _first(title, _JOINS, _MAY_BE_TOLD))


def call_in_title(title: str) -> str:
    """The words of a title that may invite and need a second sign, such as "join us"; "" without any."""
    return _first(title, _CALLS)


def occasion_in_title(title: str) -> str:
    """The words of a title that name an occasion, such as "conference"; news is about occasions too."""
    return _first(title, _OCCASIONS)


def invites_by_case(title: str) -> str:
    """The words of a title that invite in a language whose cases would break if they were taken out."""
    return _first(title, _STRONG_ANYWHERE)


def registration_in(text: str) -> str:
    """The words of a text that ask its readers to register or to come; "" without any.

    What registers something else than a guest (a domain name, a voter, a charity) is none.
    """
    return _first(_OTHER_REGISTER.sub(" ", text[:_LONGEST_TEXT]), _REGISTRATION)


def ahead_in(text: str) -> str:
    """The words of a text that announce something to come; "" without any."""
    return _first(text, _AHEAD)


def over_in(text: str) -> str:
    """The words by which a text shows that its event is over, even beside an invitation; "" without any."""
    return _first(text, _OVER)


def told_in(text: str) -> str:
    """The words of a text that tell of an event as past; an announcement may use them of an earlier one."""
    return _first(text, _TOLD)


def narrates(text: str) -> str:
    """How a text begins that tells what happened on some day, without a word on what is to come; "" otherwise."""
    return "" if _FORWARD.search(text[:_LONGEST_TEXT]) else _first(text.lstrip(), _NARRATES)[:80]


def asks_otherwise(text: str) -> str:
    """The words of a text that look for staff, volunteers or money; "" without any."""
    return _first(text, _ASKS_OTHERWISE)


def _first(text: str, *patterns: re.Pattern[str]) -> str:
    bounded = text[:_LONGEST_TEXT]
    return next((match[0].strip() for pattern in patterns if (match := pattern.search(bounded))), "")
