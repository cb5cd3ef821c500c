from dataclasses import replace

from pasunchat.measures.score import Evaluation
from pasunchat.reports.evaluation import accuracy_in_words


def test_accuracy_is_said_with_interval_and_count(evaluation: Evaluation) -> None:
    talk = replace(evaluation, photos=2500, right=1993, accuracy=0.7972, interval=(0.7810, 0.8125))
    assert accuracy_in_words(talk) == "79.7 % [78.1, 81.2], 1,993 of 2,500"
    all_right = replace(evaluation, photos=400, right=400, accuracy=1.0, interval=(0.9906, 1.0))
    assert accuracy_in_words(all_right) == "100 % [99.1, 100.0], 400 of 400"
