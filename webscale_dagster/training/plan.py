"""An experiment's jobs, decided by recipe and release alone: which program, on what, after what.

    base ─ cpt ─ sft ─ grpo        an arm leaves out what it does not train

Reads the lake (the release of the recipe's channel, sft_answers, refined_docs); writes data files.
A job's key hashes its settings, data, seed and its parent's key, so equal work has equal keys: the
warm-up of ``sft-s1`` and of ``sft_grpo-s1`` is one checkpoint, trained once.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster.experiment import Experiment, experiment, is_checkpoint, is_trained
from webscale_dagster.exports.pinned import Pinned, UnknownRelease, open_release
from webscale_dagster.home import home
from webscale_dagster.lake import Lake
from webscale_dagster.models import Part
from webscale_dagster.recipe import Recipe
from webscale_dagster.training import data, refined, sft_answers
from webscale_dagster.training.job import Job
from webscale_dagster.training.program import TrainingError

PHASES = ("base", "cpt", "sft", "grpo")
# Settings of a phase that decide speed or safety, and no weight.
_HOW = {"save_steps", "micro_batch", "vllm", "vllm_url"}


def checkpoints_folder() -> Path:
    """``WEBSCALE_CHECKPOINTS``, or ``checkpoints`` of this home; a disk that all hosts share."""
    return Path(os.environ.get("WEBSCALE_CHECKPOINTS") or home() / "checkpoints").absolute()


@dataclass(frozen=True)
class Start:
    """A model to go on from: where it lies and what names it."""

    model: str
    key: str
    revision: str | None = None


class Plan:
    """Jobs of one experiment."""

    def __init__(self, lake: Lake, recipe: Recipe, experiment: Experiment, root: Path) -> None:
        """``root`` is the folder of all checkpoints."""
        self.lake, self.recipe, self.experiment, self.root = lake, recipe, experiment, root

    @functools.cached_property
    def release(self) -> Pinned:
        """The release that the recipe's channel points to."""
        try:
            return open_release(self.lake, self.recipe.training.channel)
        except UnknownRelease as error:
            raise TrainingError(f"nothing to train on: {error}") from None

    def job(self, phase: str) -> Job | None:
        """The job of a phase; None where the arm has no such phase."""
        arm = self.experiment.arm
        wanted = {
            "base": self.recipe.training.model == "tiny",
            "cpt": bool(arm.corpus),
            "sft": arm.sft,
            "grpo": arm.grpo,
        }
        if not wanted[phase]:
            return None
        makers: Mapping[str, Callable[[], Job]] = {
            "base": self._base,
            "cpt": self._cpt,
            "sft": self._sft,
            "grpo": self._grpo,
        }
        return makers[phase]()

    def jobs(self) -> list[Job]:
        """All jobs of the experiment, in order."""
        return [job for job in map(self.job, PHASES) if job is not None]

    def before(self, phase: str) -> Start:
        """What a phase starts from."""
        return self._after(PHASES[: PHASES.index(phase)])

    def final(self) -> Start:
        """What the experiment ends with."""
        return self._after(PHASES)

    def _after(self, phases: tuple[str, ...]) -> Start:
        for phase in reversed(phases):
            job = self.job(phase)
            if job is not None:
                return Start(str(job.folder / "model"), f"{job.phase}-{job.key}")
        model, revision = self.recipe.training.model, self.recipe.training.revision
        folder = Path(model)
        if folder.is_dir():
            return Start(str(folder.absolute()), f"model-{_folder_digest(folder)}")
        return Start(model, f"{model}@{revision}", revision)

    def _base(self) -> Job:
        tiny = self.recipe.training.tiny
        like_cpt = self.recipe.cpt_checkpoint.model_copy(
            update={
                "batch": tiny.batch,
                "learning_rate": tiny.learning_rate,
                "max_length": tiny.context,
                "micro_batch": tiny.batch,
            }
        )
        made = self._job("base", like_cpt, {"texts": self._file("corpus")}, seed=tiny.seed)
        made.what["tiny"] = tiny.model_dump()
        return made

    def _cpt(self) -> Job:
        corpus = self.experiment.arm.corpus
        texts = self._file("texts") if corpus == "documents" else self._refined(corpus)
        return self._job("cpt", self.recipe.cpt_checkpoint, {"texts": texts}, budget=True)

    def _refined(self, method: str) -> data.DataFile:
        key = refined.key(method, self.recipe, self._file("texts").digest)
        rows = refined.read(self.lake, key)
        if rows is None:
            name = self.experiment.name
            raise TrainingError(f"{name}: refined_docs is not made yet; materialise it first")
        return data.store(self.root, method, rows.select("doc_id", "text"))

    def _sft(self) -> Job:
        rows = self.answers()
        if rows is None:
            raise TrainingError("sft_answers are not made yet for this release and recipe")
        warm_up = data.store(self.root, "warm_up", rows.select(*data.COLUMNS, "completion"))
        files = {"warm_up": warm_up, "documents": self._file("documents")}
        if self.experiment.arm.sft_on_train:
            direct = self.recipe.sft_answers.direct
            rows = data.with_answers(data.examples(self.release, "train"), direct)
            files["train"] = data.store(self.root, "train_direct", rows)
        settings = self.recipe.sft_checkpoint
        return self._job("sft", settings, files, budget=self.experiment.arm.sft_on_train)

    def _grpo(self) -> Job:
        settings = self.recipe.grpo_checkpoint
        files = {"train": self._file("train"), "documents": self._file("documents")}
        made = self._job("grpo", settings, files, budget=True)
        if settings.engine == "verl":
            made = replace(made, phase="verl")
        if settings.judge in self.recipe.models:
            made.what["judge_model"] = self.recipe.models[settings.judge].model_dump(mode="json")
        return made

    def answers_key(self) -> str:
        """The key of the answers for the sft split that this recipe asks for."""
        policy = self.recipe.sft_answers.policy
        trained = self.policy()
        if trained is not None:
            who = trained.key
        else:
            who = self.recipe.models[policy].identity if policy else ""
        return sft_answers.key(self.recipe, who, self._file("sft").digest)

    def answers(self) -> pl.DataFrame | None:
        """Rows of the sft split with their completions; None where they are not made yet."""
        return sft_answers.read(self.lake, self.answers_key())

    def policy(self) -> Start | None:
        """The trained model that answers the sft split's questions; None where another does."""
        wanted = self.recipe.sft_answers.policy
        if not is_trained(wanted):
            return None
        if is_checkpoint(wanted):
            return Start(str(self.root / wanted / "model"), wanted)
        named = experiment(wanted)
        # Its own warm-up had direct answers, or another turn's: that turn's recipe says so.
        start = self.recipe.model_copy(update={"sft_answers": self.recipe.sft_answers.first_turn()})
        return Plan(self.lake, start, named, self.root).final()

    @functools.lru_cache(maxsize=16)  # noqa: B019 (a plan lives as long as one run)
    def _file(self, name: str) -> data.DataFile:
        makers: Mapping[str, Callable[[Pinned], pl.DataFrame]] = {
            "corpus": data.corpus,
            "texts": data.texts,
            "documents": data.documents,
        }
        make = makers.get(name)
        rows = make(self.release) if make else data.examples(self.release, name)
        return data.store(self.root, name, rows)

    def split_file(self, split: str) -> data.DataFile:
        """A split's rows as a file."""
        return self._file(split)

    def _job(
        self,
        phase: str,
        settings: Part,
        files: Mapping[str, data.DataFile],
        *,
        budget: bool = False,
        seed: int | None = None,
    ) -> Job:
        start = self.before(phase)
        training = self.recipe.training
        chosen = settings.model_dump(mode="json")
        decisive = {name: value for name, value in chosen.items() if name not in _HOW}
        what: dict[str, Any] = {
            "settings": decisive,
            "seed": self.experiment.seed if seed is None else seed,
            "parent": start.key,
            "precision": training.precision,
            "data": {name: file.digest for name, file in files.items()},
        }
        if start.revision:
            what["revision"] = start.revision
        if budget:
            what["budget_tokens"] = training.budget_tokens
            what["milestones"] = list(training.milestones)
        how = {name: chosen[name] for name in _HOW & set(chosen)}
        paths = {name: file.path for name, file in files.items()}
        model = "" if phase == "base" else start.model
        return Job(phase, str(self.root), model, paths, what, how)


def _folder_digest(folder: Path) -> str:
    """Names and sizes of a model folder's files, and the small ones' bytes."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            size = path.stat().st_size
            digest.update(f"{path.name} {size}\n".encode())
            if size < 50_000_000:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
