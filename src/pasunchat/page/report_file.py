"""The report of a search: what the page shows of a fooled photo, as one file to keep."""

from pasunchat.fooled.survival import Survival
from pasunchat.page.searches import Search
from pasunchat.reports.fooled import Told
from pasunchat.reports.report import fooled_report
from pasunchat.words import command


def report_of(search: Search, lang: str) -> str:
    """The report as HTML, in "en" or "fr". In the thread of searches: it asks for gradients too."""
    judged, picture, facts = search.judged, search.picture, search.facts
    assert judged is not None and picture is not None
    survived = tuple(
        Survival(each["word"], each["survives"], each["p"]) for each in facts.get("survival", ())
    )
    told = Told(
        name=search.photo.name,
        goal=judged.goal,
        request=judged.result.request,
        queries=int(judged.result.forwards[0]),
        tries=tuple((each["size"], each["p"], each["reached"]) for each in facts.get("tries", ())),
        survival=survived or None,
        verify=command("verify", picture.name, "--model", search.model.facts.name),
    )
    return fooled_report(search.model.searched(), judged.photo, judged.picture, told, lang=lang)
