"""A classifier as one file for other programs, checked against itself before it is called done."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.company import Company
from pasunchat.classifiers.external.info import KEY, ExportedInfo, info_to_export
from pasunchat.classifiers.external.preprocessing import Preprocessing
from pasunchat.classifiers.external.safetensors import load_safetensors
from pasunchat.classifiers.modes import evaluating
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.classifiers.wrappers import inside
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra
from pasunchat.storage import refuse_existing, to_json, whole_file

CLOSE = 1e-4  # of a logit, and of its size where it is above 1
Write = Callable[[Classifier, Path, ExportedInfo], None]
Run = Callable[[Path, Tensor], Tensor]


@dataclass(frozen=True)
class Exported:
    """A file that was written and checked."""

    path: str
    form: str  # of FORMS
    photos: int  # how many it was checked on
    difference: float  # between its logits and the classifier's, the largest there


class Form(NamedTuple):
    """A kind of file."""

    about: str
    write: Write  # writes the classifier, with its info, to a path
    run: Run  # reads the file and runs it on pixels: logits, float32 [N, C]


def export(
    classifier: Classifier,
    path: str | Path,
    form: str,
    pixels: Tensor,
    *,
    overwrite: bool = False,
) -> Exported:
    """Write the classifier as one of FORMS: pixels, float [N, 3, size, size] in [0, 1], in and
    logits out, for any N, with its preprocessing inside and its info in the metadata.

    pixels: what it is checked on, [N, 3, size, size]. The file appears under its name only if its
    logits are the classifier's, to CLOSE. Raises PasunchatError for an unknown form, a file that
    exists already, a network that cannot be written, and a file that gives other logits.
    """
    if form not in FORMS:
        raise PasunchatError(f'unknown form "{form}"; there are: {", ".join(FORMS)}')
    base = inside(classifier)
    if base is not None:
        raise PasunchatError(
            f"{classifier.known_as} is a vote of many answers, which no file holds; export the "
            f"model inside, {base.known_as}"
        )
    path, exported = Path(path), info_to_export(classifier)
    refuse_existing(path, overwrite=overwrite)
    expected = classifier.predict_logits(pixels)
    if classifier.company not in (None, Company.SAME):
        raise PasunchatError(
            "this network is asked about one picture at a time (it takes no batch, or answers "
            "otherwise in one), so a file for any number of pictures would not be true to it"
        )
    with evaluating(classifier), whole_file(path) as part:
        FORMS[form].write(classifier, part, exported)
        with in_one_line(f"the {form} file that was written cannot be run"):
            found = FORMS[form].run(part, pixels.cpu()).float()
        same = found.shape == expected.shape
        if not same or not torch.allclose(found, expected, rtol=CLOSE, atol=CLOSE):
            raise PasunchatError(
                f"the {form} file gives other logits than the classifier; it is not kept"
            )
    difference = float((found - expected).abs().max()) if len(pixels) else 0.0
    return Exported(str(path), form, len(pixels), difference)


def _write_onnx(classifier: Classifier, path: Path, exported: ExportedInfo) -> None:
    onnx = extra("onnx", "onnx")
    extra("onnxscript", "onnx")
    with _quiet_exporter("onnx"):
        program = torch.onnx.export(
            classifier,
            (_example(classifier),),
            dynamo=True,
            verbose=False,
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        node.ClearField("metadata_props")  # source lines of the machine that exports
    onnx.helper.set_model_props(model, {KEY: _as_text(exported)})
    onnx.save(model, path)


def _write_program(classifier: Classifier, path: Path, exported: ExportedInfo) -> None:
    with _quiet_exporter("pt2"):
        program = torch.export.export(
            classifier,
            (_example(classifier),),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        )
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)
        program.example_inputs = None
        archive = io.BytesIO()  # to a path, torch would write its name into the file
        torch.export.save(program, archive, extra_files={KEY: _as_text(exported)})
    path.write_bytes(archive.getvalue())


def _write_safetensors(classifier: Classifier, path: Path, exported: ExportedInfo) -> None:
    if exported.info.network_name is None:
        raise PasunchatError(
            "safetensors hold weights only, and this network is not one of ours to build again; "
            "take --to onnx or --to pt2"
        )
    weights = {name: value.contiguous() for name, value in classifier.network.state_dict().items()}
    path.write_bytes(safetensors.torch.save(weights, {KEY: _as_text(exported)}))


def _run_onnx(path: Path, pixels: Tensor) -> Tensor:
    runtime = extra("onnxruntime", "onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"pixels": pixels.contiguous().numpy()})
    return torch.from_numpy(logits)


def _run_program(path: Path, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = torch.export.load(path).module()(pixels)
    return logits


def _run_safetensors(path: Path, pixels: Tensor) -> Tensor:
    return load_safetensors(path, Preprocessing()).predict_logits(pixels)


FORMS: dict[str, Form] = {
    "onnx": Form("one ONNX graph, checked by onnxruntime", _write_onnx, _run_onnx),
    "pt2": Form("one program of torch.export", _write_program, _run_program),
    "safetensors": Form("weights with their info", _write_safetensors, _run_safetensors),
}


def _as_text(exported: ExportedInfo) -> str:
    return to_json(exported).decode()


def _example(classifier: Classifier) -> Tensor:
    """Two images: with one, torch.export would take the batch size for a constant."""
    size = classifier.size or 1
    return torch.zeros(2, 3, size, size, device=classifier.mean.device)


@contextmanager
def _quiet_exporter(form: str) -> Iterator[None]:
    """Silence torch's exporter. Raises PasunchatError for what it refuses."""
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # torch's many kinds of error
        cause = error.__cause__ or error
        reason = (
            " ".join(str(cause).partition("Caused by")[0].split())[:200] or type(cause).__name__
        )
        raise PasunchatError(f"this network cannot be written as {form}: {reason}") from error
