"""The page's budgets, measured in Chromium: python benchmarks/page.py [--rounds 5]

Needs the extra `page`, playwright and Chromium. Each round starts `pasunchat page simple`, looks at
the page for the first time, waits until its network is there, and then measures: how long until
the first picture is painted, counted from the command; what the first view transfers; the longest
task until the network is there; a prediction of a sample; the sum of a unit from the pointer to the
numbers; from the button to the first try that the search says. Printed are the median, and the
worst, of the rounds. A round before them, which is not counted, lets Python compile its imports.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

BUDGETS = {  # name: most, unit
    "first picture, from the command": (1000, "ms"),
    "first view": (300, "kB"),
    "longest task while loading": (50, "ms"),
    "layout shift": (0.001, ""),
    "prediction of a sample": (150, "ms"),
    "a unit's sum": (50, "ms"),
    "square of a unit, from the pointer": (16, "ms"),
    "first try after the button": (100, "ms"),
}
WATCH = """
window.tasks = []; window.shift = 0; window.painted = 0;
new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((e) => e.duration)))
  .observe({ type: "longtask", buffered: true });
new PerformanceObserver((list) => list.getEntries().forEach((e) => (window.shift += e.value)))
  .observe({ type: "layout-shift", buffered: true });
const look = () => {
  const there = document.querySelector("img.under")?.complete
    && performance.getEntriesByName("first-contentful-paint").length;
  if (there) window.painted = performance.timeOrigin + performance.now();
  else requestAnimationFrame(look);
};
look();
"""
UNTIL = """([act, done]) => new Promise((go) => {
  const wanted = new Function(`return ${done}`), begun = performance.now();
  new Function(act)();
  const look = () => (wanted() ? go(performance.now() - begun) : requestAnimationFrame(look));
  look();
})"""


def main() -> None:
    """Measure, and say what is within its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {name: [] for name in BUDGETS}
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        one_round(browser)
        for _ in range(rounds):
            for name, value in one_round(browser).items():
                found[name].append(value)
        browser.close()
    for name, (most, unit) in BUDGETS.items():
        middle, worst = statistics.median(found[name]), max(found[name])
        verdict = "within" if middle <= most else "above"
        print(f"{name:38} {middle:8.1f} {unit:2} (worst {worst:.1f}), {verdict} {most} {unit}")


def one_round(browser: Any) -> dict[str, float]:
    """Every figure once, from a fresh start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    sent, known = sizes_of(page), []
    page.on("requestfinished", lambda asked: known.append(1) if "/models" in asked.url else None)
    with tempfile.TemporaryDirectory() as home:
        told = {**os.environ, "PASUNCHAT_HOME": home}
        told.pop("PYTHONDONTWRITEBYTECODE", None)
        began = time.time()
        command = (sys.executable, "-m", "pasunchat", "page", "simple", "--port", str(port))
        process = subprocess.Popen(command, env=told, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                except OSError:
                    time.sleep(0.005)
            page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
            while not known:  # nothing is asked of the page meanwhile: that would be a task too
                page.wait_for_timeout(50)
            page.wait_for_timeout(1000)
            painted, longest, shift = page.evaluate(
                "[window.painted, Math.max(0, ...window.tasks), window.shift]"
            )
            return {
                "first picture, from the command": painted - 1000 * began,
                "first view": sum(sent.values()) / 1000,
                "longest task while loading": longest,
                "layout shift": shift,
                **by_hand(page),
            }
        finally:
            process.kill()
            context.close()


def sizes_of(page: Page) -> dict[str, int]:
    """What each request of the first view transfers, header and body, filled in as it comes."""
    sizes: dict[str, int] = {}

    def note(request: Any) -> None:
        if "/models" in request.url or "/health" in request.url or "/photo/" in request.url:
            return  # asked for behind the first view
        told = request.sizes()
        sizes[request.url] = told["responseBodySize"] + told["responseHeadersSize"]

    page.on("requestfinished", note)
    return sizes


def by_hand(page: Page) -> dict[str, float]:
    """What a visitor does, once the network is there."""
    no_notes = "!document.querySelector('#sum .note')"
    page.evaluate("document.getElementById('sum').scrollIntoView({ behavior: 'instant' })")
    while not page.evaluate(f"{no_notes} && document.querySelectorAll('.trio').length === 3"):
        page.wait_for_timeout(50)
    page.wait_for_timeout(1000)
    at = """const box = document.querySelector("[data-unit-map]"), r = box.getBoundingClientRect();
      const x = r.left + AT * r.width, y = r.top + 0.4 * r.height;
      const there = { bubbles: true, clientX: x, clientY: y };
      window.before = document.querySelector("[data-t=sum]").textContent;
      const pen = document.querySelector(".pic .rf").getContext("2d");
      pen.clearRect(0, 0, 448, 448); box.dispatchEvent(new PointerEvent("pointermove", there));"""
    square = "document.querySelector('.pic .rf').getContext('2d').getImageData(3,3,1,1).data[3] > 0"
    number = "document.querySelector('[data-t=sum]').textContent !== window.before"
    sums, squares = [], []
    for step in range(8):
        page.wait_for_timeout(200)
        sums.append(page.evaluate(UNTIL, [at.replace("AT", f"{0.3 + 0.05 * step}"), number]))
        page.wait_for_timeout(200)
        squares.append(page.evaluate(UNTIL, [at.replace("AT", f"{0.32 + 0.05 * step}"), square]))
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    page.wait_for_timeout(500)
    press = "document.querySelector('[data-sample={}]').click()"
    asked = []
    for name in ("dog", "pipe", "coffee", "dog"):
        page.wait_for_timeout(300)
        act = "document.querySelector('.drop').dataset.state = 'busy';" + press.format(name)
        done = "document.querySelector('.drop').dataset.state === 'done'"
        asked.append(page.evaluate(UNTIL, [act, done]))
    page.wait_for_timeout(500)
    said = "document.querySelector('[data-say]').textContent"
    go = f"document.querySelector('[data-do=fool]').click(); window.begun = {said}"
    first = page.evaluate(UNTIL, [go, f"{said} !== window.begun"])
    return {
        "prediction of a sample": statistics.median(asked),
        "a unit's sum": statistics.median(sums),
        "square of a unit, from the pointer": statistics.median(squares),
        "first try after the button": first,
    }


if __name__ == "__main__":
    main()
