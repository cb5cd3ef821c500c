"""Pictures and pages: curves and other figures, the files of an evaluation, a comparison or an
attack, and the report of a run."""
