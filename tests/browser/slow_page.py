"""A page whose searches take their time, so that one can see them wait, stopped, and too late:
python slow_page.py MODEL... --port PORT."""

import sys
import time
from typing import Any

from pasunchat.page.listening import bound
from pasunchat.page.search_job import Tries
from pasunchat.page.serving import serve
from pasunchat.page.settings import Limits, Settings

PAUSE, SECONDS = 0.15, 2.5  # after each try; for a search


def main() -> None:
    *models, _, port = sys.argv[1:]
    hear = Tries.hear

    def slowly(self: Tries, *heard: Any) -> None:
        hear(self, *heard)
        self.flush()
        time.sleep(PAUSE)

    Tries.hear = slowly  # type: ignore[method-assign]
    limits = Limits(search_seconds=SECONDS, later_seconds=1.0)
    settings = Settings(models=tuple(models), port=int(port), limits=limits)
    serve(bound(settings.host, settings.port), settings)


if __name__ == "__main__":
    main()
